"""What clients ask at their start and what is truly empty: no such thing can exist here yet.
Everything else that is not there is a 404."""

from __future__ import annotations

from covey.mastodon.door import EMPTY_LIST, Answer, Call, operation


async def _nothing(call: Call) -> Answer:
    return EMPTY_LIST


for _path in (
    "/api/v1/custom_emojis",
    "/api/v1/trends/links",  # of cards, which nothing makes yet
    "/api/v1/accounts/*/identity_proofs",
    "/api/v1/instance/domain_blocks",  # of other servers
):
    operation("GET", _path, needs="anyone")(_nothing)
