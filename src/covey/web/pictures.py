"""Media on pages: what a post shows, and the files of the form that writes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from covey.edge.media import media_url, register
from covey.edge.requests import Parameters, id_of
from covey.edge.text import normal
from covey.errors import Refused
from covey.limits import MEDIA_PER_POST
from covey.media.work import UPLOAD
from covey.state.queries import MediaRow, Snapshot
from covey.web.forms import Fault, fault, kept
from covey.web.visit import Visit

FILES: Final = tuple(f"picture{place}" for place in range(1, MEDIA_PER_POST + 1))
"""The fields of the form, each with an `alt` of the same number."""


class Shown(Struct, frozen=True):
    """A picture, film or sound, as a page shows it."""

    number: int
    type: str
    address: str
    small: str
    """What is shown in its place until it is opened; empty: nothing."""
    width: int
    height: int
    """Of what is shown; 0: unknown."""
    description: str


def shown(rows: Mapping[int, MediaRow], numbers: Sequence[int]) -> list[Shown]:
    """Those there are, in this order."""
    return [_shown(rows[number]) for number in numbers if number in rows]


def _shown(row: MediaRow) -> Shown:
    address = media_url("", row.file)
    if row.small:
        small = media_url("", row.small)
        size = (row.small_width, row.small_height)
    else:
        small, size = address if row.type == "image" else "", (row.width, row.height)
    return Shown(row.number, row.type, address, small, *size, row.description)


async def sent(visit: Visit, form: Parameters) -> tuple[tuple[int, ...], list[Fault]]:
    """The media of a form: those that it kept from before, and its files, registered. What is wrong
    with a file is said, and the others are kept."""
    words = form.texts("media")[:MEDIA_PER_POST]
    numbers = [number for number in map(id_of, words) if number]
    faults: list[Fault] = []
    for name in FILES:
        file = visit.sent.get(name)
        if file is None or visit.job is None:
            continue
        try:
            if len(numbers) >= MEDIA_PER_POST:
                raise Refused("media_many", limit=MEDIA_PER_POST, count=len(numbers) + 1)
            await visit.edge.count("media", str(visit.account))
            file.path.rename(visit.job.path / UPLOAD)
            alt = normal(kept(form, name.replace("picture", "alt"))).strip()
            numbers.append(await register(visit.edge, visit.account, visit.job, (alt, 0, 0)))
        except Refused as refused:
            if refused.status == 503:
                raise
            faults.append(fault(refused, "media"))
    return tuple(dict.fromkeys(numbers)), faults


def own(visit: Visit, snapshot: Snapshot, numbers: Sequence[int]) -> list[Shown]:
    """What a form that is shown once more keeps."""
    rows = snapshot.media(numbers)
    mine = {number: row for number, row in rows.items() if row.account == visit.account}
    return shown(mine, numbers)
