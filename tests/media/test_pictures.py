"""What becomes of a picture: properties of what is written, and that nothing breaks it."""

from __future__ import annotations

import fcntl
import io
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin
from tests.folders import scratch
from tests.server import environment

from covey.limits import IMAGE_PIXELS, IMAGE_PIXELS_KEPT, SMALL_PIXELS
from covey.media import pictures
from covey.media.kinds import HEAD_BYTES, PICTURES, kind_of
from covey.media.pictures import Made, Unreadable, make

SECRET = b"N 52 31 12, E 13 24 18"
"""Stands for what a camera writes about the place."""
FORMATS = ["JPEG", "PNG", "WEBP", "AVIF", "GIF"]


def scene(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    """Four corners, each of another colour: it shows when it stands wrong."""
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for place, colour in enumerate(("red", "lime", "blue", "white")):
        x, y = place % 2 * width // 2, place // 2 * height // 2
        draw.rectangle((x, y, x + width // 2, y + height // 2), fill=colour)
    return image.convert(mode)


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def made(folder: Path, data: bytes, use: Any = "post") -> tuple[Made, Image.Image]:
    (folder / "upload").write_bytes(data)
    answer = make(folder / "upload", folder, use)
    image = Image.open(folder / "file")
    image.load()
    assert (answer.file.width, answer.file.height) == image.size
    assert kind_of((folder / "file").read_bytes()[:HEAD_BYTES]) == answer.file.media_type
    return answer, image


def corners(image: Image.Image) -> list[str]:
    """The nearest of the four colours, at each corner."""
    names = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255,) * 3}
    plain = image.convert("RGB")
    right, below = image.width - 3, image.height - 3
    found = []
    for at in ((2, 2), (right, 2), (2, below), (right, below)):
        pixel: Any = plain.getpixel(at)
        off = {
            n: sum((a - b) ** 2 for a, b in zip(pixel, c, strict=True)) for n, c in names.items()
        }
        found.append(min(off, key=lambda name: off[name]))
    return found


UPRIGHT = ["red", "lime", "blue", "white"]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read_and_written_anew(tmp_path: Path, kind: str) -> None:
    answer, image = made(tmp_path, saved(scene(), kind))
    assert image.size == (60, 40)
    assert corners(image) == UPRIGHT
    assert answer.small is None  # it is small itself
    assert len(answer.blurhash) == 28
    assert answer.file.media_type == {
        "JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/jpeg",
        "GIF": "image/png",
    }[kind]  # fmt: skip


TURNED = [
    *[(kind, turn, (60, 40)) for kind in ("JPEG", "PNG", "WEBP") for turn in range(1, 9)],
    # those that are scaled down take other ways, the same for every turn
    ("JPEG", 3, (4400, 2200)), ("JPEG", 6, (4400, 2200)), ("PNG", 5, (4400, 2200)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "orientation", "size"), TURNED)
def test_all_eight_orientations_come_out_upright(
    tmp_path: Path, kind: str, orientation: int, size: tuple[int, int]
) -> None:
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    image = scene(*size)
    if orientation in turned:
        image = image.transpose(turned[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    _, shown = made(tmp_path, saved(image, kind, exif=exif))
    assert corners(shown) == UPRIGHT
    assert abs(shown.width / shown.height - size[0] / size[1]) < 0.01


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("size", [(60, 40), (900, 600)])
def test_nothing_but_pixels_is_served(tmp_path: Path, kind: str, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()  # what it shows
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    exif.get_ifd(0x8825)[29] = SECRET.decode()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET.decode())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"exif": exif, "comment": SECRET, "xmp": SECRET, "icc_profile": profile},
        "PNG": {"exif": exif, "pnginfo": text, "icc_profile": profile},
        "WEBP": {"exif": exif, "xmp": SECRET, "icc_profile": profile},
        "AVIF": {"exif": exif, "xmp": SECRET, "icc_profile": profile},
        "GIF": {"comment": SECRET},
    }
    sent = saved(scene(*size), kind, **options[kind]) + b"PK\x03\x04 another file" + SECRET
    assert sent.count(SECRET) > 1
    answer, image = made(tmp_path, sent)
    for file in (answer.file, answer.small):
        if file is not None:
            data = (tmp_path / file.name).read_bytes()
            for word in (SECRET, b"Exif", b"another file", b"ICC_PROFILE", b"iCCP", b"http://ns."):
                assert word not in data
    assert not image.getexif()
    assert not {"exif", "xmp", "comment", "icc_profile", "Comment"} & set(image.info)


@pytest.mark.parametrize("size", [(60, 40), (4400, 2200)])
def test_of_a_phones_two_pictures_in_one_the_first_is_kept(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    """A JPEG with a second picture behind the first: its depth, or how bright it is."""
    second = Image.new("L", (30, 20))
    data = saved(scene(*size), "MPO", save_all=True, append_images=[second])
    assert data.count(b"MPF\0") > 0
    answer, image = made(tmp_path, data)
    assert answer.file.media_type == "image/jpeg"
    assert corners(image) == UPRIGHT
    assert (tmp_path / "file").read_bytes().count(b"MPF\0") == 0
    assert getattr(image, "n_frames", 1) == 1


def moving(frames: int = 3, **options: Any) -> bytes:
    shades = [Image.new("P", (50, 30), color=place) for place in range(frames)]
    for place, shade in enumerate(shades):
        shade.putpalette([40 * place, 255 - 40 * place, 90] * 256)
    return saved(
        shades[0], "GIF", save_all=True, append_images=shades[1:], duration=70, loop=0, **options
    )


def test_a_moving_gif_moves_on_and_keeps_nothing_else(tmp_path: Path) -> None:
    answer, image = made(tmp_path, moving(comment=SECRET) + b"<script>" + SECRET)
    data = (tmp_path / "file").read_bytes()
    assert SECRET not in data
    assert data.endswith(b"\x3b")
    assert answer.file.media_type == "image/gif"
    assert getattr(image, "n_frames", 1) == 3
    assert image.info["duration"] == 70
    assert image.info["loop"] == 0
    assert answer.small is not None
    assert answer.small.media_type == "image/jpeg"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16", "CMYK"])
def test_every_mode_is_shown(tmp_path: Path, mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    if mode == "I;16":
        ramp = b"".join((x * 1000).to_bytes(2, "little") for _ in range(40) for x in range(60))
        image = Image.frombytes("I;16", (60, 40), ramp)
    else:
        image = scene(mode=mode)
    _, shown = made(tmp_path, saved(image, kind))
    if mode in ("RGB", "RGBA", "P", "CMYK"):
        assert corners(shown) == UPRIGHT
    if mode == "I;16":
        pixel: Any = shown.convert("RGB").getpixel((59, 0))
        assert abs(pixel[0] - 59_000 / 257) < 3
    assert shown.mode in ("RGB", "RGBA")


def test_what_shines_through_still_does(tmp_path: Path) -> None:
    image = scene(900, 600, "RGBA")
    image.putalpha(Image.linear_gradient("L").resize((900, 600)))
    answer, shown = made(tmp_path, saved(image))
    assert shown.mode == "RGBA"
    assert answer.small is not None
    assert answer.small.media_type == "image/webp"
    small: Any = Image.open(tmp_path / "small").convert("RGBA")
    assert small.getpixel((5, 2))[3] < 30
    assert small.getpixel((5, small.height - 2))[3] > 220


def test_one_colour_of_a_palette_that_is_seen_through(tmp_path: Path) -> None:
    image = scene(mode="P")
    clear = image.getpixel((2, 2))
    _, shown = made(tmp_path, saved(image, transparency=clear))
    assert shown.mode == "RGBA"
    pixels: Any = shown
    assert pixels.getpixel((2, 2))[3] == 0
    assert pixels.getpixel((55, 35))[3] == 255


def test_colours_of_a_wide_profile_come_out_in_srgb(tmp_path: Path) -> None:
    """A profile whose red and green are changed over shows that it is used."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    for mode in ("RGB", "RGBA"):
        data = saved(scene(mode=mode), icc_profile=bytes(profile))
        _, shown = made(tmp_path, data)
        assert corners(shown)[:2] == ["lime", "red"]
    _, shown = made(tmp_path, saved(scene(), icc_profile=b"no profile at all"))
    assert corners(shown) == UPRIGHT


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_large_picture_is_scaled_down(tmp_path: Path, kind: str) -> None:
    answer, shown = made(tmp_path, saved(scene(6000, 3000), kind))
    assert IMAGE_PIXELS_KEPT * 0.98 < shown.width * shown.height <= IMAGE_PIXELS_KEPT
    assert abs(shown.width / shown.height - 2) < 0.01
    assert corners(shown) == UPRIGHT
    assert answer.small is not None
    assert SMALL_PIXELS * 0.98 < answer.small.width * answer.small.height <= SMALL_PIXELS


@pytest.mark.parametrize("size", [(1, 1), (1, 30_000), (30_000, 1), (4_000_000, 1), (3, 2)])
def test_strange_shapes(tmp_path: Path, size: tuple[int, int]) -> None:
    _, shown = made(tmp_path, saved(Image.new("RGB", size, "red")))
    assert shown.width >= 1
    assert shown.width * shown.height <= IMAGE_PIXELS_KEPT


def test_a_png_that_grows_too_large_is_no_png_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = Image.effect_noise((300, 200), 90)
    monkeypatch.setattr(pictures, "IMAGE_BYTES", 40_000)
    answer, _ = made(tmp_path, saved(noise))
    assert answer.file.media_type == "image/jpeg"
    noise = noise.convert("RGBA")
    noise.putalpha(90)
    assert made(tmp_path, saved(noise))[0].file.media_type == "image/webp"


def test_pictures_of_a_profile_are_cut_to_their_shape(tmp_path: Path) -> None:
    for use, size, wanted in (
        ("avatar", (1000, 600), (400, 400)), ("avatar", (100, 60), (60, 60)),
        ("header", (2000, 2000), (1500, 500)), ("header", (300, 300), (300, 100)),
    ):  # fmt: skip
        answer, shown = made(tmp_path, saved(scene(*size)), use)
        assert shown.size == wanted
        assert answer.small is None
    assert made(tmp_path, moving(), "avatar")[0].file.media_type == "image/png"


# --- what can't be shown ----------------------------------------------------------------------


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is so large, in a few bytes."""
    data = bytearray(saved(Image.new("1", (8, 8))))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    head = bytes(data[12:29])
    data[29:33] = zlib.crc32(head).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "JPEG, PNG"),
        (b"GIF89a", "damaged"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "JPEG, PNG"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "JPEG, PNG"),
        (b"%PDF-1.4", "JPEG, PNG"),
        (b"BM" + bytes(100), "JPEG, PNG"),
        (b"II*\0" + bytes(100), "JPEG, PNG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "damaged"),
        (bomb(60_000, 60_000), "pixels"),
        (bomb(IMAGE_PIXELS + 1, 1), "pixels"),
        (bomb(5_000, 5_000), "damaged"),
        (saved(scene())[:-40], "damaged"),
        (saved(scene(), "JPEG")[:-400], "damaged"),
        (saved(scene(), "WEBP")[:-60], "damaged"),
        (saved(scene(), "AVIF")[:-60], "damaged"),
        (moving()[:-30], "damaged"),
    ],
)
def test_what_can_not_be_shown(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "upload").write_bytes(data)
    with pytest.raises(Unreadable, match=why):
        make(tmp_path / "upload", tmp_path, "post")


SAMPLES = [saved(scene(), kind) for kind in FORMATS] + [moving()]


@given(
    st.sampled_from(SAMPLES), st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255))),
    st.integers(0, 5_000),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_no_bytes_do_worse_than_unreadable(
    data: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    changed = bytearray(data)
    for at, value in changes:
        changed[at % len(changed)] = value
    if cut < len(changed):
        changed = changed[:cut]
    with scratch() as folder:
        (folder / "upload").write_bytes(changed)
        try:
            answer = make(folder / "upload", folder, "post")
        except Unreadable:
            return
        image = Image.open(folder / answer.file.name)
        image.load()


# --- in a process of its own ------------------------------------------------------------------


def worker(folder: Path, data: bytes) -> dict[str, Any]:
    (folder / "upload").write_bytes(data)
    orders = {"folder": str(folder), "lock": str(folder / "lock"), "use": "post"}
    done = _run(orders)
    return msgspec.json.decode(done)  # type: ignore[no-any-return]


def _run(orders: dict[str, str]) -> bytes:
    process = subprocess.Popen(
        [sys.executable, "-m", "covey.media.worker", msgspec.json.encode(orders).decode()],
        env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        said, errors = process.stdout.read(), process.stderr.read()
    assert process.returncode == 0, errors
    return said


def test_the_worker_answers_what_make_does(tmp_path: Path) -> None:
    answer = worker(tmp_path, saved(scene(900, 600), "JPEG"))
    assert answer["file"]["media_type"] == "image/jpeg"
    assert (answer["small"]["width"], answer["small"]["height"]) == (587, 391)
    assert worker(tmp_path, b"<svg/>")["why"].startswith("a picture is")


def test_the_worker_ends_when_nobody_waits_any_more(tmp_path: Path) -> None:
    """Its stdin closes with the process that started it, also while it waits for its turn."""
    (tmp_path / "upload").write_bytes(saved(scene()))
    orders = {"folder": str(tmp_path), "lock": str(tmp_path / "lock"), "use": "post"}
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-m", "covey.media.worker", msgspec.json.encode(orders).decode()],
            env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(180) == 1
        assert process.stdout is not None
        process.stdout.close()


def test_all_kinds_of_pictures_have_a_sample() -> None:
    assert {kind_of(sample[:HEAD_BYTES]) for sample in SAMPLES} == set(PICTURES)
