"""A picture as it was sent → as it is shown: upright, in sRGB, without anything but its pixels, no
larger than it may be; a small one for lists; its blurhash.

Every picture but a moving GIF is decoded and written anew, so nothing of what was sent is served:
no place where it was taken, no second file behind its end. This runs in a process of its own
(`covey.media.worker`), which may be killed by what it reads.
"""

from __future__ import annotations

import io
from math import ceil, sqrt
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct
from PIL import (
    AvifImagePlugin,
    Image,
    ImageCms,
    ImageOps,
    WebPImagePlugin,
)

from covey.limits import GIF_FRAMES, IMAGE_BYTES, IMAGE_PIXELS, IMAGE_PIXELS_KEPT, SMALL_PIXELS
from covey.media.blurhash import blurhash
from covey.media.gif import Damaged, cleaned
from covey.media.kinds import HEAD_BYTES, PICTURES, kind_of

Use = Literal["post", "avatar", "header"]

# looking for a plug-in by name imports all fifty
assert AvifImagePlugin
assert WebPImagePlugin

_FORMATS: Final = {
    "image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/avif": "AVIF",
    "image/gif": "GIF",
}  # fmt: skip
_CUT: Final[dict[Use, tuple[int, int]]] = {"avatar": (400, 400), "header": (1500, 500)}
"""Pixels of what is cut to a shape."""
_BAND_PIXELS: Final = 2_000_000
"""Converted at a time: a copy of all of a picture of 50 million would double the memory."""
SIDE_MAX: Final = 16_383
"""Pixels: WebP has no longer ones."""
_BLUR_SIDE: Final = 32
_ORIENTATION: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""EXIF orientation → what makes it upright."""


class Unreadable(Exception):
    """No picture that can be shown; the text says why, as the end of a sentence."""


class Written(Struct, frozen=True):
    """A file that was made."""

    name: str
    media_type: str
    width: int
    height: int


class Made(Struct, frozen=True):
    """What became of a picture."""

    file: Written
    small: Written | None
    """None: it is small itself."""
    blurhash: str


def make(source: Path, folder: Path, use: Use) -> Made:
    """Writes `file` and, where it is not small itself, `small`. Raises Unreadable."""
    with source.open("rb") as opened:
        kind = kind_of(opened.read(HEAD_BYTES))
    if kind not in PICTURES:
        raise Unreadable("a picture is a JPEG, PNG, WebP, AVIF or GIF")
    Image.MAX_IMAGE_PIXELS = None  # the limit below says it with a sentence
    try:
        return _make(source, folder, use, kind)
    except Damaged as error:
        raise Unreadable(f"it is damaged ({error})") from None
    except (Unreadable, MemoryError):
        raise
    except Exception as error:
        # decoders raise nearly anything for files that are cut off or never were one: RuntimeError
        # (AVIF), SyntaxError (PNG), OSError, ValueError, struct.error, …
        raise Unreadable(f"it is damaged ({type(error).__name__})") from None


def _make(source: Path, folder: Path, use: Use, kind: str) -> Made:
    with Image.open(source, formats=[_FORMATS[kind]]) as image:
        width, height = image.size
        if width * height > IMAGE_PIXELS:
            raise Unreadable(f"it has {width} × {height} pixels, and at most {IMAGE_PIXELS} may be")
        moving = kind == "image/gif" and use == "post" and getattr(image, "n_frames", 1) > 1
        if moving:
            return _moving(source, folder, image)
        upright = _upright(image, IMAGE_PIXELS_KEPT)
    if use in _CUT:
        across, down = _CUT[use]
        scale = min(1.0, upright.width / across, upright.height / down)
        size = (max(1, round(across * scale)), max(1, round(down * scale)))
        upright = ImageOps.fit(upright, size, Image.Resampling.LANCZOS)
    upright.info = {}
    file = _write(upright, folder / "file", _kept_as(kind, upright))
    if (folder / "file").stat().st_size > IMAGE_BYTES:  # a PNG whose palette is gone, or of noise
        file = _write(upright, folder / "file", _small_as(upright))
    small = _scaled(upright, SMALL_PIXELS)
    drawn = None
    if small.size != upright.size and use == "post":
        drawn = _write(small, folder / "small", _small_as(small))
    return Made(file, drawn, _blur(small))


def _moving(source: Path, folder: Path, image: Image.Image) -> Made:
    width, height = image.size
    data, frames = cleaned(source.read_bytes())
    if frames > GIF_FRAMES:
        raise Unreadable(f"it has {frames} pictures, and at most {GIF_FRAMES} may be")
    if width * height > IMAGE_PIXELS_KEPT:
        raise Unreadable(f"a moving picture has at most {IMAGE_PIXELS_KEPT} pixels")
    with Image.open(io.BytesIO(data), formats=["GIF"]) as clean:
        for frame in range(frames):
            clean.seek(frame)
            clean.load()
        clean.seek(0)
        first = _upright(clean, IMAGE_PIXELS_KEPT)
    first.info = {}
    (folder / "file").write_bytes(data)
    small = _scaled(first, SMALL_PIXELS)
    return Made(
        Written("file", "image/gif", width, height),
        _write(small, folder / "small", _small_as(small)),
        _blur(small),
    )


# --- pixels -----------------------------------------------------------------------------------


def _upright(image: Image.Image, pixels: int) -> Image.Image:
    """All of it decoded, at most so many pixels, as RGB or RGBA in sRGB, upright."""
    width, height = image.size
    if width * height > pixels and image.format in ("JPEG", "MPO"):  # MPO: of newer phones
        # decodes at a half, a quarter or an eighth, never below what is asked for
        part = sqrt(pixels / (width * height))
        image.draft(None, (ceil(width * part), ceil(height * part)))
    turn = _orientation(image)
    profile = image.info.get("icc_profile")
    scaled = _scaled(image, pixels, profile if isinstance(profile, bytes) else b"")
    return scaled.transpose(_TURNS[turn]) if turn in _TURNS else scaled


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block is no reason not to show the picture
        return 1


def _scaled(image: Image.Image, pixels: int, profile: bytes = b"") -> Image.Image:
    """At most so many pixels, as RGB or RGBA; at first by a whole factor, in bands."""
    image.load()
    width, height = image.size
    factor = max(1, int(sqrt(width * height / pixels)))
    # a very long and thin one has no factor that leaves it a pixel
    factor = min(factor, width, height)
    plain = image.mode in ("RGB", "RGBA") and "transparency" not in image.info
    if factor > 1 or not plain or profile:
        rows = max(1, _BAND_PIXELS // (width * factor)) * factor
        whole: Image.Image | None = None
        for top in range(0, height, rows):
            band = image.crop((0, top, width, min(top + rows, height)))
            band.info = image.info
            part = _plain(band, profile)
            part = part.reduce(factor) if factor > 1 else part
            if whole is None:
                whole = Image.new(part.mode, (ceil(width / factor), ceil(height / factor)))
            whole.paste(part, (0, top // factor))
        assert whole is not None
        image = whole
    width, height = image.size
    scale = min(sqrt(pixels / (width * height)), SIDE_MAX / width, SIDE_MAX / height)
    if scale >= 1:
        return image
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _plain(band: Image.Image, profile: bytes) -> Image.Image:
    """RGB, or RGBA where it has transparency, in sRGB."""
    mode = "RGBA" if band.has_transparency_data else "RGB"
    if band.mode.startswith("I"):  # 16 bits of grey
        band = band.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if profile:
        try:
            return _in_srgb(band, profile, mode)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a damaged profile, or one for other channels
    return band.convert(mode)


def _in_srgb(band: Image.Image, profile: bytes, mode: str) -> Image.Image:
    alpha = band.convert("RGBA").getchannel("A") if mode == "RGBA" else None
    base = band if band.mode in ("L", "CMYK") else band.convert("RGB")
    colours = ImageCms.profileToProfile(
        base, ImageCms.ImageCmsProfile(io.BytesIO(profile)), _SRGB, outputMode="RGB"
    )
    assert colours is not None
    if alpha is not None:
        colours.putalpha(alpha)
    return colours


_SRGB: Final = ImageCms.createProfile("sRGB")


# --- files ------------------------------------------------------------------------------------

_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "image/jpeg": {"quality": 90, "progressive": True, "optimize": True},
    "image/png": {"compress_level": 6},
    "image/webp": {"quality": 90, "method": 4},
}


def _kept_as(kind: str, image: Image.Image) -> str:
    """AVIF is not shown by every client; a GIF that stands still is a PNG."""
    if kind == "image/gif":
        return "image/png"
    if kind == "image/avif":
        return "image/webp" if image.mode == "RGBA" else "image/jpeg"
    return kind


def _small_as(image: Image.Image) -> str:
    return "image/webp" if image.mode == "RGBA" else "image/jpeg"


def _write(image: Image.Image, path: Path, kind: str) -> Written:
    if kind == "image/jpeg":
        image = image.convert("RGB")
    image.save(path, _FORMATS[kind], **_OPTIONS[kind])
    return Written(path.name, kind, image.width, image.height)


def _blur(image: Image.Image) -> str:
    if image.mode == "RGBA":
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image).convert("RGB")
    scale = max(1.0, image.width / _BLUR_SIDE, image.height / _BLUR_SIDE)
    size = (max(1, round(image.width / scale)), max(1, round(image.height / scale)))
    raw = image.resize(size, Image.Resampling.BOX).convert("RGB").tobytes()
    pixels = [(raw[at], raw[at + 1], raw[at + 2]) for at in range(0, len(raw), 3)]
    return blurhash([pixels[at : at + size[0]] for at in range(0, len(pixels), size[0])])
