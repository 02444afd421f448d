"""Blurhash against what its Python package (blurhash 1.1.5) makes of the same pixels."""

from __future__ import annotations

import pytest

from covey.media.blurhash import blurhash

VECTORS = [
    (32, 24, 4, 3, "L$Hewc2nwyX8l~WBjpe;gIfdfSfm"),
    (1, 1, 4, 3, "L00000fQfQfQfQfQfQfQfQfQfQfQ"),
    (20, 20, 1, 1, "00HoI4"),
    (17, 9, 9, 9,
     "|$Hx.h2+wykUSKt6SKt6SKunR.jue:a}jGa}jGa}f#fRfQfQfQfQfQfQfRxtSdjtfja{j[a{j[a{eBf8f"
     "Qf6fRf6fRf6fRx@Sdjtfka{j[a{j[a{eBf8fQf6fRf6fRf6fRx@Sdjtfka{j[a{j[a{eBf8fQf6fRf6fRf6fR"),
    (5, 31, 3, 7, "u$IhNf3UJkl^Vua{gCfyfPngWYa~fDfTfPoaW,a_e,f6fS"),
]  # fmt: skip


@pytest.mark.parametrize(("width", "height", "across", "down", "wanted"), VECTORS)
def test_vectors(width: int, height: int, across: int, down: int, wanted: str) -> None:
    rows = [
        [
            (x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x * 7 + y * 13) % 256)
            for x in range(width)
        ]
        for y in range(height)
    ]
    assert blurhash(rows, across, down) == wanted


def test_black_and_white() -> None:
    assert blurhash([[(0, 0, 0)]], 1, 1) == "000000"
    assert blurhash([[(255, 255, 255)]], 1, 1) == "00TSUA"
