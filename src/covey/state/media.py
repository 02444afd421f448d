"""Media: pictures, films and sounds. Rows say what lies in the folder `media/` (see `covey.media`)
and what shows it; bytes are no business of the state.

Media are shown by one thing: a post, a draft, a profile. What nothing shows goes after a day: never
posted, or its post was deleted (and may be posted anew). A post keeps those that an edit left out,
for its history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from covey.errors import Refused
from covey.limits import (
    BLURHASH_CHARACTERS,
    DESCRIPTION_CHARACTERS,
    IMAGE_BYTES,
    IMAGE_PIXELS,
    MEDIA_PER_POST,
    MEDIA_SECONDS,
    MEDIA_UNUSED_MS,
    ROWS_PER_MESSAGE,
    VIDEO_BYTES,
)
from covey.messages import (
    ChangeMedia,
    DeleteMedia,
    Entry,
    File,
    FinishMedia,
    Profile,
    RegisterMedia,
)
from covey.state.place import number_setting
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State
from covey.state.texts import check_text
from covey.state.time import due_of, schedule

Use = Literal["post", "draft", "avatar", "header"]

ENDINGS: Final[dict[str, str]] = {
    "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif",
    "video/mp4": "mp4", "video/webm": "webm",
    "audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/ogg": "ogg", "audio/flac": "flac",
    "audio/wav": "wav",
}  # fmt: skip
"""Media type → how a file's name ends: all that is ever served."""
FOCUS_MAX: Final = 1_000
DROPPED_PER_DUE: Final = ROWS_PER_MESSAGE // 2


def name_of(file: File | None) -> str:
    """A file's name in the folder; empty: none."""
    return f"{file.hash.hex()}.{ENDINGS[file.media_type]}" if file else ""


# --- coming in --------------------------------------------------------------------------------


def _check_file(file: File | None, of: str) -> None:
    """`of`: its type begins with this word. Raises Refused("media_malformed")."""
    if file is None:
        return
    largest = IMAGE_BYTES if of == "image" else VIDEO_BYTES
    if file.media_type not in ENDINGS or not file.media_type.startswith(f"{of}/"):
        raise Refused("media_malformed", what="type", why=f"{file.media_type[:50]} is not {of}")
    if len(file.hash) != 32:
        raise Refused("media_malformed", what="hash", why="it has 32 bytes")
    if not 0 < file.size <= largest:
        raise Refused("media_malformed", what="size", why=f"it is 1 to {largest} bytes")
    if min(file.width, file.height) < 0 or file.width * file.height > IMAGE_PIXELS:
        raise Refused("media_malformed", what="size", why=f"at most {IMAGE_PIXELS} pixels")


def _check_shown(message: RegisterMedia | FinishMedia, of: str) -> None:
    _check_file(message.file, of)
    _check_file(message.small, "image")
    check_text("The blurhash", message.blurhash, BLURHASH_CHARACTERS, lines=False)
    if not 0 <= message.milliseconds <= MEDIA_SECONDS * 1_000:
        raise Refused("media_malformed", what="length", why=f"at most {MEDIA_SECONDS} seconds")


def _check_words(message: RegisterMedia | ChangeMedia) -> None:
    check_text("The description", message.description, DESCRIPTION_CHARACTERS)
    if not all(-FOCUS_MAX <= at <= FOCUS_MAX for at in (message.focus_x, message.focus_y)):
        raise Refused("media_malformed", what="focus", why="it is -1 to 1, twice")


def _check_quota(state: State, actor: int, *files: File | None) -> None:
    """Raises also Refused("not_found"): the server has no media."""
    row = state.row("select media_bytes from accounts where number = ?", (actor,))
    if row is None:
        raise Refused("not_found")
    used, limit = row[0], number_setting(state, "media_quota")
    if used + sum(file.size for file in files if file) > limit:
        raise Refused("media_quota", limit=limit, used=used)


_OF: Final = {"image": "image", "gifv": "video", "video": "video", "audio": "audio"}


@check_of(RegisterMedia)
def check_register_media(state: State, actor: int, message: RegisterMedia, stamp: int) -> None:
    _check_shown(message, _OF[message.type])
    _check_words(message)
    _check_quota(state, actor, message.file, message.small)


_COLUMNS: Final = (
    "file, size, width, height, small, small_size, small_width, small_height, blurhash,"
    " milliseconds"
)


def _columns(message: RegisterMedia | FinishMedia) -> tuple[object, ...]:
    file, small = message.file, message.small
    return (
        name_of(file), *((file.size, file.width, file.height) if file else (0, 0, 0)),
        name_of(small), *((small.size, small.width, small.height) if small else (0, 0, 0)),
        message.blurhash, message.milliseconds,
    )  # fmt: skip


@apply_of(RegisterMedia)
def apply_register_media(
    state: State, entry: Entry, message: RegisterMedia, outcome: Outcome
) -> None:
    number, expires = entry.number, entry.stamp + MEDIA_UNUSED_MS
    state.execute(
        f"insert into media (number, account, type, state, expires, {_COLUMNS}, description,"
        " focus_x, focus_y) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number, entry.actor, message.type, "ready" if message.ready else "processing", expires,
            *_columns(message), message.description, message.focus_x, message.focus_y,
        ),
    )  # fmt: skip
    _weigh(state, number, 1)
    schedule(state, entry, expires, "media", entry.actor)


def _weigh(state: State, number: int, by: int) -> None:
    """Its bytes count, or no more (-1)."""
    state.execute(
        "update accounts set media_bytes = media_bytes + ? * (select size + small_size from media"
        " where number = ?) where number = (select account from media where number = ?)",
        (by, number, number),
    )


def _own(state: State, actor: int, number: int) -> tuple[str, str, str, int]:
    """(type, state, used as, used by). Raises Refused("media_unknown")."""
    row = state.row(
        "select type, state, used_as, used_by from media where number = ? and account = ?",
        (number, actor),
    )
    if row is None:
        raise Refused("media_unknown", media=number)
    type_, made, used_as, used_by = row
    return type_, made, used_as, used_by


@check_of(FinishMedia)
def check_finish_media(state: State, actor: int, message: FinishMedia, stamp: int) -> None:
    type_, made, _, _ = _own(state, actor, message.media)
    if made != "processing":
        raise Refused("already_done")
    _check_shown(message, _OF[type_])


@apply_of(FinishMedia)
def apply_finish_media(state: State, entry: Entry, message: FinishMedia, outcome: Outcome) -> None:
    number = message.media
    _weigh(state, number, -1)
    state.execute(
        f"update media set (state, {_COLUMNS}) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " where number = ?",
        ("ready" if message.file else "failed", *_columns(message), number),
    )
    _weigh(state, number, 1)


@check_of(ChangeMedia)
def check_change_media(state: State, actor: int, message: ChangeMedia, stamp: int) -> None:
    _own(state, actor, message.media)
    _check_words(message)
    words = (message.description, message.focus_x, message.focus_y)
    if words == state.row(
        "select description, focus_x, focus_y from media where number = ?", (message.media,)
    ):
        raise Refused("already_done")


@apply_of(ChangeMedia)
def apply_change_media(state: State, entry: Entry, message: ChangeMedia, outcome: Outcome) -> None:
    state.execute(
        "update media set (description, focus_x, focus_y) = (?, ?, ?) where number = ?",
        (message.description, message.focus_x, message.focus_y, message.media),
    )
    state.execute(
        "update posts set changed = ? where id ="
        " (select used_by from media where number = ? and used_as = 'post')",
        (entry.number, message.media),
    )


@check_of(DeleteMedia)
def check_delete_media(state: State, actor: int, message: DeleteMedia, stamp: int) -> None:
    _, _, used_as, _ = _own(state, actor, message.media)
    if used_as:
        raise Refused("media_used", media=message.media)


@apply_of(DeleteMedia)
def apply_delete_media(state: State, entry: Entry, message: DeleteMedia, outcome: Outcome) -> None:
    drop_media(state, message.media)


def drop_media(state: State, number: int) -> None:
    """The row goes; whoever keeps the folder finds that no row names its files."""
    _weigh(state, number, -1)
    state.execute("delete from media where number = ?", (number,))


# --- what shows them --------------------------------------------------------------------------


def check_media(
    state: State, actor: int, numbers: Sequence[int], stamp: int, post: int = 0
) -> None:
    """A post of the actor's may show these, `post` again those that it had. Raises Refused:
    "media_many", "media_unknown", "media_not_ready", "media_failed", "media_used"."""
    if len(numbers) > MEDIA_PER_POST:
        raise Refused("media_many", limit=MEDIA_PER_POST, count=len(numbers))
    for place, number in enumerate(numbers):
        _, made, used_as, used_by = _own(state, actor, number)
        if made == "processing":
            raise Refused("media_not_ready", media=number)
        if made == "failed":
            raise Refused("media_failed", media=number)
        if used_as == "draft":
            # held for its moment; then the draft's own post has to be allowed
            held = state.count("select at from drafts where number = ?", (used_by,)) > stamp
        else:
            held = used_as != "" and (used_as, used_by) != ("post", post)
        if held or number in numbers[:place]:
            raise Refused("media_used", media=number)


def show_media(state: State, numbers: Sequence[int], use: Use, by: int) -> None:
    """They are shown by a post, a draft or a profile."""
    for number in numbers:
        state.execute(
            "update media set used_as = ?, used_by = ?, expires = 0 where number = ?",
            (use, by, number),
        )


def let_go(state: State, entry: Entry, use: Use, by: int) -> None:
    """What was shown by it can be used anew for a day."""
    row = state.row("select account from media where used_as = ? and used_by = ?", (use, by))
    if row is None:
        return
    expires = entry.stamp + MEDIA_UNUSED_MS
    state.execute(
        "update media set used_as = '', used_by = 0, expires = ? where used_as = ? and used_by = ?",
        (expires, use, by),
    )
    schedule(state, entry, expires, "media", row[0])


@due_of("media")
def due_media(
    state: State, entry: Entry, outcome: Outcome, at: int, account: int, subject: int
) -> None:
    """What nothing of the account has shown for a day goes."""
    rows = state.execute(
        "select number from media where account = ? and used_as = '' and expires <= ?"
        " order by number limit ?",
        (account, entry.stamp, DROPPED_PER_DUE),
    ).fetchall()
    for (number,) in rows:
        drop_media(state, number)


def check_pictures(state: State, actor: int, message: Profile) -> None:
    """Raises Refused: "media_unknown", "media_kind", "media_not_ready", "media_used"."""
    pictures: tuple[tuple[Use, int], ...] = (("avatar", message.avatar), ("header", message.header))
    for use, number in pictures:
        if not number:
            continue
        type_, made, used_as, used_by = _own(state, actor, number)
        if type_ != "image":
            raise Refused("media_kind")
        if made != "ready":
            raise Refused("media_not_ready", media=number)
        if used_as and (used_as, used_by) != (use, actor):
            raise Refused("media_used", media=number)
    if message.avatar and message.avatar == message.header:
        raise Refused("media_used", media=message.header)


def show_pictures(state: State, account: int, message: Profile) -> None:
    """Those of the profile from now on; the ones before go."""
    pictures: tuple[tuple[Use, int], ...] = (("avatar", message.avatar), ("header", message.header))
    for use, number in pictures:
        rows = state.execute(
            "select number from media where used_as = ? and used_by = ? and number != ?",
            (use, account, number),
        ).fetchall()
        for (before,) in rows:
            drop_media(state, before)
        if number:
            show_media(state, (number,), use, account)
