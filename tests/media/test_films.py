"""Films and sounds, with programs that stand for `ffprobe` and `ffmpeg`: they say and write what a
test wants. What the real ones say of real films no test here has seen."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.mastodon.api import Api, World, world
from tests.media.test_pictures import saved, scene

from covey.edge.keep_media import finish
from covey.limits import MEDIA_SECONDS, VIDEO_PIXELS
from covey.media import films

PLACE = b"+52.5200+013.4050/"
"""Where a phone was."""


def box(name: bytes, *inside: bytes) -> bytes:
    body = b"".join(inside)
    return (8 + len(body)).to_bytes(4, "big") + name + body


def mp4(*more: bytes) -> bytes:
    return b"".join(
        (
            box(b"ftyp", b"mp42", bytes(4), b"mp42"),
            box(
                b"moov", box(b"mvhd", bytes(20)), box(b"udta", box(b"\xa9xyz", PLACE)),
                box(b"trak", box(b"tkhd", bytes(9)), box(b"meta", PLACE)), box(b"meta", PLACE),
            ),
            box(b"uuid", bytes(16), PLACE),
            box(b"mdat", b"film " * 100),
            *more,
        )
    )  # fmt: skip


FILM = {
    "streams": [
        {"codec_type": "video", "codec_name": "h264", "width": 640, "height": 360,
         "avg_frame_rate": "30/1"},
        {"codec_type": "audio", "codec_name": "aac"},
    ],
    "format": {"duration": "12.5"},
}  # fmt: skip
SOUND = {
    "streams": [
        {"codec_type": "audio", "codec_name": "mp3"},
        {"codec_type": "video", "codec_name": "png", "width": 300, "height": 300,
         "disposition": {"attached_pic": 1}},
    ],
    "format": {"duration": "3.0"},
}  # fmt: skip


class Programs:
    """A folder on the PATH."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        # nothing else is found there, but what a program needs to start
        patch.setenv("PATH", str(folder))

    def add(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(f"#!{sys.executable}\nimport sys, json, shutil\n{text}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def probe(self, answer: Any = None) -> None:
        says = f"print({json.dumps(answer)!r})" if answer else "sys.exit('Invalid data')"
        # as the true one does: it is told not to look for anything but this file
        check = "assert '-protocol_whitelist' in sys.argv and '-f' in sys.argv\n"
        self.add("ffprobe", check + says)

    def make(self, works: bool = True) -> None:
        still = self.folder / "still.png"
        still.write_bytes(saved(scene(640, 360)))
        self.add(
            "ffmpeg",
            "source = sys.argv[sys.argv.index('-i') + 1].removeprefix('file:')\n"
            f"if 'image2pipe' in sys.argv: shutil.copy({str(still)!r}, sys.argv[-1])\n"
            "else: open(sys.argv[-1], 'wb').write(b'made of ' + open(source, 'rb').read(99))"
            if works
            else "sys.exit(1)",
        )


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    return Programs(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture
def ada(here: World) -> Api:
    return here.api("ada")


def send(api: Api, data: bytes) -> httpx.Response:
    return api.ask("POST", "/api/v2/media", files={"file": ("film", data)})


def test_a_film_that_is_played_as_it_is(here: World, ada: Api, programs: Programs) -> None:
    programs.probe(FILM)
    response = send(ada, mp4())
    assert response.status_code == 200, response.text
    made = response.json()
    assert made["type"] == "video"
    assert made["preview_url"] is None
    assert made["meta"]["original"] == {"width": 640, "height": 360, "duration": 12.5}
    part = httpx.get(made["url"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["content-type"] == "video/mp4"
    assert part.headers["content-disposition"].startswith("attachment")
    whole = httpx.get(made["url"]).content
    assert len(whole) == len(mp4())  # every offset is what it was
    assert PLACE not in whole
    assert b"film film" in whole
    status = ada.json("POST", "/api/v1/statuses", {"media_ids": [made["id"]]})
    assert status["media_attachments"] == [made]


def test_a_sound_loses_its_tags(here: World, ada: Api, programs: Programs) -> None:
    programs.probe(SOUND)
    tag = b"ID3\x04\0\0" + bytes([0, 0, 1, 0]) + PLACE.ljust(128)
    sound = b"\xff\xfb\x90\x00" + b"la " * 100
    response = send(ada, tag + sound + b"TAG" + bytes(125))
    assert response.status_code == 200, response.text
    made = response.json()
    assert made["type"] == "audio"
    assert made["meta"]["duration"] == 3.0
    assert httpx.get(made["url"]).content == sound


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": {"duration": str(MEDIA_SECONDS + 1)}}, "plays more than"),
        ({"format": {"duration": "N/A"}}, "how long"),
        ({"format": {}}, "how long"),
        ({"streams": []}, "no film"),
        ({"streams": [{**FILM["streams"][0], "width": VIDEO_PIXELS}]}, "pixels"),  # type: ignore[index]
        ({"streams": [{**FILM["streams"][0], "avg_frame_rate": "999/1"}]}, "a second"),  # type: ignore[index]
        ({"streams": [{**FILM["streams"][0], "codec_name": "hevc"}]}, "hevc"),  # type: ignore[index]
        ({"streams": [FILM["streams"][0]] * 2}, "several"),  # type: ignore[index]
    ],
)  # fmt: skip
def test_films_that_are_refused(
    ada: Api, programs: Programs, changes: dict[str, Any], why: str
) -> None:
    programs.probe({**FILM, **changes})
    response = send(ada, mp4())
    assert response.json()["code"] == "media_unreadable"
    assert why in response.json()["error"]


def test_what_ffprobe_finds_damaged(ada: Api, programs: Programs) -> None:
    programs.probe(None)
    assert "damaged" in send(ada, mp4()).json()["error"]
    programs.add("ffprobe", "sys.stderr.write('x' * 5_000_000); sys.exit(1)")
    assert send(ada, mp4()).json()["code"] == "media_unreadable"
    programs.add("ffprobe", "print('no JSON')")
    assert send(ada, mp4()).json()["code"] == "media_unreadable"


def test_without_ffprobe_there_are_pictures_only(ada: Api, programs: Programs) -> None:
    assert send(ada, mp4()).json()["code"] == "media_films"
    assert not films.can_look()


def run_finish(here: World) -> None:
    edge = here.site.edge
    asyncio.run_coroutine_threadsafe(finish(edge, set()), here.site.loop).result(180)


def test_c22_long_work_is_answered_202_and_done_later(
    here: World, ada: Api, programs: Programs
) -> None:
    programs.probe(FILM)
    programs.make()
    response = send(ada, mp4())
    assert response.status_code == 202
    made = response.json()
    assert made["url"] is None
    path = f"/api/v1/media/{made['id']}"
    assert ada.ask("GET", path).status_code == 206
    post = {"media_ids": [made["id"]]}
    assert ada.ask("POST", "/api/v1/statuses", json=post).json()["code"] == "media_not_ready"
    run_finish(here)
    ready = ada.get(path)
    assert httpx.get(ready["url"]).content.startswith(b"made of ")
    assert len(ready["blurhash"]) == 28
    assert httpx.get(ready["preview_url"]).headers["content-type"] in ("image/jpeg", "image/png")
    assert ada.json("POST", "/api/v1/statuses", post)["media_attachments"] == [ready]


def test_long_work_that_fails(here: World, ada: Api, programs: Programs) -> None:
    programs.probe(FILM)
    programs.make(works=False)
    made = send(ada, mp4()).json()
    run_finish(here)
    response = ada.ask("GET", f"/api/v1/media/{made['id']}")
    assert response.json()["code"] == "media_failed"


def test_the_instance_says_that_films_are_taken(here: World, programs: Programs) -> None:
    programs.probe(FILM)
    media = here.nobody.get("/api/v2/instance")["configuration"]["media_attachments"]
    assert "video/mp4" in media["supported_mime_types"]


@pytest.mark.parametrize("cut", [0, 7, 30, 60, 100, 200])
def test_scrubbing_a_damaged_film_changes_no_length(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "film"
    for data in (mp4()[: len(mp4()) - cut], mp4(b"\0\0\0\1udta" + bytes(8)), os.urandom(500)):
        path.write_bytes(data)
        asyncio.run(films.scrub(path, "video/mp4"))
        assert len(path.read_bytes()) == len(data)
