"""Media of a state: refusals, who shows them, how long they stay, and the quota."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine

from covey.limits import (
    DESCRIPTION_CHARACTERS,
    IMAGE_BYTES,
    IMAGE_PIXELS,
    MEDIA_PER_POST,
    MEDIA_SECONDS,
    MEDIA_UNUSED_MS,
    VIDEO_BYTES,
)
from covey.messages import (
    SERVER,
    AnyMessage,
    CancelDraft,
    ChangeDraft,
    ChangeMedia,
    CloseAccount,
    Delete,
    DeleteMedia,
    Draft,
    Due,
    Edit,
    File,
    FinishMedia,
    Post,
    Profile,
    RegisterMedia,
    Setting,
)
from covey.state.candidates import decode_media, encode_media

HASH = bytes(range(32))


def file(kind: str = "image/png", size: int = 100, width: int = 4, height: int = 3) -> File:
    return File(HASH, kind, size, width, height)


def media(**fields: object) -> RegisterMedia:
    return RegisterMedia(**{"type": "image", "file": file(), **fields})  # type: ignore[arg-type]


CASES: list[tuple[int, AnyMessage, str]] = [
    (1, media(), ""),
    (SERVER, media(), "not_found"),
    (1, media(type="video"), "media_malformed"),
    (1, media(type="video", file=file("video/mp4", VIDEO_BYTES)), ""),
    (1, media(type="gifv", file=file("video/mp4")), ""),
    (1, media(type="audio", file=file("audio/ogg")), ""),
    (1, media(file=file("image/svg+xml")), "media_malformed"),
    (1, media(small=file("video/mp4")), "media_malformed"),
    (1, media(file=File(HASH[:31], "image/png", 1)), "media_malformed"),
    (1, media(file=file(size=IMAGE_BYTES)), ""),
    (1, media(file=file(size=IMAGE_BYTES + 1)), "media_malformed"),
    (1, media(file=file(size=0)), "media_malformed"),
    (1, media(file=file(width=IMAGE_PIXELS, height=1)), ""),
    (1, media(file=file(width=IMAGE_PIXELS, height=2)), "media_malformed"),
    (1, media(file=file(width=-1, height=-1)), "media_malformed"),
    (1, media(milliseconds=MEDIA_SECONDS * 1_000), ""),
    (1, media(milliseconds=MEDIA_SECONDS * 1_000 + 1), "media_malformed"),
    (1, media(blurhash="x" * 101), "text_long"),
    (1, media(description="x" * DESCRIPTION_CHARACTERS), ""),
    (1, media(description="x" * (DESCRIPTION_CHARACTERS + 1)), "text_long"),
    (1, media(description="a\0b"), "text_character"),
    (1, media(focus_x=1_000, focus_y=-1_000), ""),
    (1, media(focus_x=1_001), "media_malformed"),
]


class World:
    """Account 1 has pictures that are ready, unready, failed and shown by a post; 2 has one."""

    def __init__(self, folder: Path) -> None:
        self.engine = engine = PlainEngine(folder, accounts=2)
        self.ready = self.add()
        self.unready = self.add(ready=False)
        self.failed = self.add(ready=False)
        engine.submit(1, FinishMedia(media=self.failed))
        self.shown = self.add()
        self.post = engine.submit(1, Post(text="", media=(self.shown,))).id
        self.other = engine.submit(2, media()).number
        film = media(type="video", file=file("video/mp4"))
        self.film = engine.submit(1, film).number

    def add(self, **fields: object) -> int:
        return self.engine.submit(1, media(**fields)).number

    def row(self, number: int) -> tuple[object, ...] | None:
        return self.engine.state.row(
            "select used_as, used_by from media where number = ?", (number,)
        )

    def run_dues(self) -> None:
        """All that is due by now."""
        state = self.engine.state
        for (number,) in state.execute(
            "select number from dues where at <= ? order by at, number", (self.engine.now,)
        ).fetchall():
            self.engine.submit(SERVER, Due(number=number))

    def cases(self) -> list[tuple[int, AnyMessage, str]]:
        ready, post = self.ready, self.post
        return [
            (1, Post(text="", media=(ready,)), ""),
            (1, Post(text=" "), "text_empty"),
            (1, Post(text="", media=(ready, ready)), "media_used"),
            (1, Post(text="x", media=(ready,) * (MEDIA_PER_POST + 1)), "media_many"),
            (1, Post(text="x", media=(self.unready,)), "media_not_ready"),
            (1, Post(text="x", media=(self.failed,)), "media_failed"),
            (1, Post(text="x", media=(self.shown,)), "media_used"),
            (1, Post(text="x", media=(self.other,)), "media_unknown"),
            (1, Post(text="x", media=(1 << 64,)), "not_found"),
            (1, Post(text="x", media=(-1,)), "media_unknown"),
            (1, Edit(post=post, text="x", media=(self.shown, ready)), ""),
            (1, Edit(post=post, text="", media=(self.shown,)), "already_done"),
            (1, Edit(post=post, text="x", media=(self.unready,)), "media_not_ready"),
            (1, Edit(post=post, text=""), "text_empty"),
            (1, FinishMedia(media=self.unready, file=file()), ""),
            (1, FinishMedia(media=self.unready, file=file("video/mp4")), "media_malformed"),
            (1, FinishMedia(media=ready, file=file()), "already_done"),
            (2, FinishMedia(media=self.unready, file=file()), "media_unknown"),
            (1, ChangeMedia(media=self.shown, description="An owl"), ""),
            (1, ChangeMedia(media=ready), "already_done"),
            (1, ChangeMedia(media=ready, focus_y=2_000), "media_malformed"),
            (2, ChangeMedia(media=ready, description="x"), "media_unknown"),
            (1, DeleteMedia(media=ready), ""),
            (1, DeleteMedia(media=self.shown), "media_used"),
            (2, DeleteMedia(media=ready), "media_unknown"),
            (1, Profile(avatar=ready), ""),
            (1, Profile(avatar=ready, header=ready), "media_used"),
            (1, Profile(header=self.film), "media_kind"),
            (1, Profile(header=self.unready), "media_not_ready"),
            (1, Profile(avatar=self.shown), "media_used"),
            (1, Profile(avatar=self.other), "media_unknown"),
            (1, Setting(name="media_quota", value="-1"), "setting_malformed"),
            (1, Setting(name="media_quota", value="much"), "setting_malformed"),
            (1, Setting(name="media_quota", value="٣"), "setting_malformed"),
            (1, Setting(name="media_quota", value=str(1 << 51)), "setting_malformed"),
            (1, Setting(name="media_quota", value="100"), ""),
        ]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.engine.close()


def test_refusals(world: World) -> None:
    for actor, message, code in [*CASES, *world.cases()]:
        assert world.engine.refusal(actor, message) == code, (actor, message)


def test_numbers_go_round() -> None:
    assert decode_media(encode_media((1, 1 << 62))) == (1, 1 << 62)
    assert encode_media(()) == b""
    assert decode_media(b"") == ()


def test_the_quota_counts_what_there_is(world: World) -> None:
    engine = world.engine
    engine.submit(1, Setting(name="media_quota", value="500"))
    # 300 bytes are of a post, of one without, of the film; 100 of the unready, and none failed
    assert engine.refusal(1, media()) == ""
    assert engine.refusal(1, media(file=file(size=101))) == "media_quota"
    assert engine.refusal(1, media(small=file())) == "media_quota"
    world.add()
    assert engine.refusal(1, media(file=file(size=1))) == "media_quota"
    engine.submit(1, DeleteMedia(media=world.ready))
    assert engine.refusal(1, media()) == ""
    assert engine.refusal(2, media(file=file(size=400))) == ""


def test_what_nothing_shows_goes_after_a_day(world: World) -> None:
    world.engine.now += MEDIA_UNUSED_MS - 1
    late = world.add()
    world.run_dues()
    assert world.row(world.ready)
    world.engine.now += 1
    world.run_dues()
    assert world.row(world.ready) is None
    assert world.row(world.unready) is None
    assert world.row(world.shown) == ("post", world.post)
    assert world.row(late) == ("", 0)
    assert world.engine.refusal(1, Post(text="x", media=(world.ready,))) == "media_unknown"


def test_what_a_deleted_post_showed_can_be_posted_anew_for_a_day(world: World) -> None:
    engine = world.engine
    engine.submit(1, Edit(post=world.post, text="Without"))
    assert world.row(world.shown) == ("post", world.post)  # its history shows it
    engine.now += 3 * MEDIA_UNUSED_MS
    world.run_dues()
    engine.submit(1, Delete(post=world.post))
    assert world.row(world.shown) == ("", 0)
    again = engine.submit(1, Post(text="Anew", media=(world.shown,)))
    assert world.row(world.shown) == ("post", again.id)
    engine.submit(1, Delete(post=again.id))
    engine.now += MEDIA_UNUSED_MS
    world.run_dues()
    assert world.row(world.shown) is None


def test_a_draft_holds_what_it_will_show(world: World) -> None:
    engine = world.engine
    post = Post(text="Later", media=(world.ready,))
    at = engine.now + 3 * MEDIA_UNUSED_MS
    draft = engine.submit(1, Draft(post=post, at=at)).number
    assert engine.refusal(1, post) == "media_used"
    assert engine.refusal(1, Draft(post=post, at=at)) == "media_used"
    assert engine.refusal(1, DeleteMedia(media=world.ready)) == "media_used"
    engine.now += 2 * MEDIA_UNUSED_MS
    world.run_dues()
    engine.submit(1, ChangeDraft(number=draft, at=at + 1_000))
    engine.now = at + 1_000
    world.run_dues()
    assert world.row(world.ready) == ("post", engine.state.last_id)


def test_a_draft_that_ends_lets_go(world: World) -> None:
    engine = world.engine
    draft = Draft(post=Post(text="", media=(world.ready,)), at=engine.now + 1_000)
    number = engine.submit(1, draft).number
    engine.submit(1, CancelDraft(number=number))
    assert world.row(world.ready) == ("", 0)
    # one that may not be posted when its moment comes
    answer = Post(text="", media=(world.ready,), reply_to=world.post)
    engine.submit(1, Draft(post=answer, at=engine.now + 1_000))
    engine.submit(1, Delete(post=world.post))
    engine.now += 1_000
    world.run_dues()
    assert world.row(world.ready) == ("", 0)


def test_a_new_picture_of_oneself_takes_the_place_of_the_old(world: World) -> None:
    engine, header = world.engine, world.add()
    engine.submit(1, Profile(avatar=world.ready, header=header))
    assert world.row(world.ready) == ("avatar", 1)
    engine.submit(1, Profile(display_name="Ann", avatar=world.ready, header=header))
    assert world.row(world.ready) == ("avatar", 1)
    new = world.add()
    engine.submit(1, Profile(avatar=new))
    assert world.row(world.ready) is None
    assert world.row(header) is None
    assert world.row(new) == ("avatar", 1)
    engine.now += 2 * MEDIA_UNUSED_MS
    world.run_dues()
    assert world.row(new) == ("avatar", 1)


def test_another_description_makes_caches_of_the_post_stale(world: World) -> None:
    engine = world.engine
    number = engine.submit(1, ChangeMedia(media=world.shown, description="An owl")).number
    changed = engine.state.count("select changed from posts where id = ?", (world.post,))
    assert changed == number


def test_a_closed_account_has_none(world: World) -> None:
    engine = world.engine
    draft = Draft(post=Post(text="", media=(world.ready,)), at=engine.now + 1_000)
    engine.submit(1, draft)
    engine.submit(1, CloseAccount())
    world.run_dues()
    state = engine.state
    assert state.count("select count(*) from media where account = 1") == 0
    assert state.count("select media_bytes from accounts where number = 1") == 0
    assert world.row(world.other) == ("", 0)
