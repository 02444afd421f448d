"""Blurhash: a picture in about 30 characters, shown until the picture has come.

The sum of a few cosines, each a colour, in base 83 (https://blurha.sh). In plain Python, because it
is asked for once a picture, of some hundred pixels: that takes 10 ms, and numpy's import 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi
from typing import Final

_DIGITS: Final = (
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
)
Colour = tuple[float, float, float]


def blurhash(rows: Sequence[Sequence[tuple[int, int, int]]], across: int = 4, down: int = 3) -> str:
    """Of sRGB pixels, 0 to 255, row by row; `across` × `down` cosines, each 1 to 9."""
    height, width = len(rows), len(rows[0])
    linear = [[tuple(_LINEAR[value] for value in pixel) for pixel in row] for row in rows]
    waves_x = [[cos(pi * i * x / width) for x in range(width)] for i in range(across)]
    waves_y = [[cos(pi * j * y / height) for y in range(height)] for j in range(down)]
    # first along the rows, then down what is left of them
    along = [
        [tuple(sum(w * p[c] for w, p in zip(wave, row, strict=True)) for c in range(3))
         for wave in waves_x]
        for row in linear
    ]  # fmt: skip
    factors = [
        tuple(
            (2 if i or j else 1) / (width * height)
            * sum(w * line[i][c] for w, line in zip(waves_y[j], along, strict=True))
            for c in range(3)
        )
        for j in range(down)
        for i in range(across)
    ]  # fmt: skip
    mean, others = factors[0], factors[1:]
    largest = max((abs(value) for factor in others for value in factor), default=0.0)
    steps = max(0, min(82, int(largest * 166 - 0.5))) if others else 0
    scale = (steps + 1) / 166 if others else 1.0
    red, green, blue = (_srgb(value) for value in mean)
    return (
        _base83(across - 1 + 9 * (down - 1), 1)
        + _base83(steps, 1)
        + _base83(red << 16 | green << 8 | blue, 4)
        + "".join(_base83(_colour(factor, scale), 2) for factor in others)
    )


def _to_linear(value: int) -> float:
    part = value / 255
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


_LINEAR: Final = [_to_linear(value) for value in range(256)]


def _srgb(value: float) -> int:
    value = max(0.0, min(1.0, value))
    part = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return int(part * 255 + 0.5)


def _colour(factor: Sequence[float], scale: float) -> int:
    """Three times 0 to 18: the root of each value, with its sign."""
    number = 0
    for value in factor:
        root = (abs(value) / scale) ** 0.5 * (1 if value >= 0 else -1)
        number = number * 19 + max(0, min(18, int(root * 9 + 9.5)))
    return number


def _base83(number: int, length: int) -> str:
    return "".join(_DIGITS[number // 83**place % 83] for place in range(length - 1, -1, -1))
