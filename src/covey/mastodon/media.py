"""Media: send, look after, describe, take back; what a post says of its own."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from covey.edge.media import register
from covey.edge.requests import Parameters
from covey.edge.text import normal
from covey.edge.uploads import read_upload
from covey.errors import Refused
from covey.limits import MEDIA_PER_POST
from covey.mastodon.attachments import attachment
from covey.mastodon.door import EMPTY_TREE, Answer, Call, as_json, operation
from covey.media import films
from covey.media.kinds import FILMS, PICTURES, SOUNDS
from covey.media.work import UPLOAD
from covey.messages import ChangeMedia, DeleteMedia
from covey.state.media import FOCUS_MAX
from covey.state.queries import MediaRow, Snapshot

_NUMBER: Final = re.compile(r"[+-]?(\d{1,3}(\.\d{0,10})?|\.\d{1,10})")


# --- sending ----------------------------------------------------------------------------------


def _words(said: Parameters, before: tuple[str, int, int] = ("", 0, 0)) -> tuple[str, int, int]:
    """(description, focus), what is not said as before. Raises Refused."""
    description, focus_x, focus_y = before
    if "description" in said:
        description = normal(said.text("description")).strip()
    focus = said.text("focus")
    if focus:
        numbers = [part.strip() for part in focus.split(",")]
        if len(numbers) != 2 or not all(map(_NUMBER.fullmatch, numbers)):
            why = "it is two numbers from -1 to 1, like 0.4,-0.7"
            raise Refused("parameter_malformed", name="focus", why=why)
        focus_x, focus_y = (round(float(part) * FOCUS_MAX) for part in numbers)
    return description, focus_x, focus_y


@operation("POST", "/api/v2/media", "write:media", reads=False)
async def upload(call: Call) -> Answer | None:
    """200 when it can be posted, 202 when there is work to be done on it."""
    await call.count("media", str(call.account))
    with call.edge.media.upload(call.account) as job:
        names = {"file": UPLOAD, "thumbnail": "thumbnail"}
        said, sent = await read_upload(call.scope, call.receive, job.path, names)
        if "file" not in sent:
            raise Refused("parameter_missing", name="file")
        number = await register(call.edge, call.account, job, _words(said))
    return _shown(call, number, 202)


@operation("POST", "/api/v1/media", "write:media", reads=False)
async def upload_v1(call: Call) -> Answer | None:
    return await upload(call)


def _row(call: Call, snapshot: Snapshot, number: int) -> MediaRow:
    """One's own. Raises Refused("not_found")."""
    row = snapshot.media([number]).get(number)
    if row is None or row.account != call.account:
        raise Refused("not_found")
    return row


def _shown(call: Call, number: int, unready: int) -> Answer:
    """`unready`: the status while there is work to be done."""
    with call.edge.snapshot() as snapshot:
        row = _row(call, snapshot, number)
    if row.state == "failed":
        raise Refused("media_failed", media=number)
    status = 200 if row.state == "ready" else unready
    return as_json(attachment(row, call.public_url), status)


@operation("GET", "/api/v1/media/*", "write:media")
async def show(call: Call) -> Answer:
    return _shown(call, call.id, 206)


@operation("PUT", "/api/v1/media/*", "write:media")
async def change(call: Call) -> Answer:
    number = call.id
    with call.edge.snapshot() as snapshot:
        message = changed(_row(call, snapshot, number), call.parameters)
    await call.edge.do(call.account, message)
    return _shown(call, number, 206)


def changed(row: MediaRow, said: Parameters) -> ChangeMedia:
    """Raises Refused."""
    before = (row.description, row.focus_x, row.focus_y)
    description, focus_x, focus_y = _words(said, before)
    return ChangeMedia(media=row.number, description=description, focus_x=focus_x, focus_y=focus_y)


@operation("DELETE", "/api/v1/media/*", "write:media")
async def delete(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        _row(call, snapshot, call.id)
    await call.edge.submit(call.account, DeleteMedia(media=call.id))
    return EMPTY_TREE


# --- in posts ---------------------------------------------------------------------------------


def media_of(parameters: Parameters) -> tuple[int, ...]:
    """What a post is to show: `media_ids[]`, each once. Raises Refused."""
    found = []
    for word in parameters.texts("media_ids"):
        if word.strip():
            one = Parameters({"media_ids": word}).id("media_ids")
            found.append(one)
    numbers = tuple(dict.fromkeys(found))
    if len(numbers) > MEDIA_PER_POST:
        raise Refused("media_many", limit=MEDIA_PER_POST, count=len(numbers))
    return numbers


async def change_many(call: Call, shown: Collection[int]) -> None:
    """`media_attributes[]` of an edit: another description or focus. Raises Refused."""
    for said in call.parameters.trees("media_attributes"):
        number = said.id("id")
        if number not in shown:
            raise Refused("media_unknown", media=number)
        with call.edge.snapshot() as snapshot:
            row = snapshot.media([number]).get(number)
        if row is None or row.account != call.account:
            raise Refused("media_unknown", media=number)
        await call.edge.do(call.account, changed(row, said))


def taken_types() -> list[str]:
    """Media types that can be sent."""
    return [*PICTURES, *((*FILMS, *SOUNDS) if films.can_look() else ())]
