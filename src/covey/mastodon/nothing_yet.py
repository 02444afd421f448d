"""What clients ask at their start and what is truly empty: no such thing can exist here yet.
Everything else that is not there is a 404."""

from __future__ import annotations

from covey.mastodon.door import EMPTY_LIST, Answer, Call, operation


async def _nothing(call: Call) -> Answer:
    return EMPTY_LIST


for _path in ("/api/v1/custom_emojis",):
    operation("GET", _path, needs="anyone")(_nothing)
