"""Posts as candidates: what of a row is frozen, who may see it, and whether it stands."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from typing import Any, Final

from covey.delivery.audience import Candidate, Reach
from covey.delivery.graph import Graph
from covey.errors import Refused
from covey.state.state import State

FROZEN: Final = (
    "id, account, visibility, reply_to, reply_account, boost_of, boost_account, quote_account,"
    " first_language, mentioned, groups, first_tags"
)
"""The columns of a Candidate, in its order."""
FROZEN_COLUMNS: Final = FROZEN.count(",") + 1


def candidate_of(row: tuple[Any, ...]) -> Candidate:
    """The columns FROZEN → Candidate."""
    tags: str = row[11]
    return Candidate(
        row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8],
        numbers_of(row[9]), numbers_of(row[10]), tuple(tags.split()) if tags else (),
    )  # fmt: skip


def numbers_of(column: bytes) -> tuple[int, ...]:
    """A column of account numbers, uint32 little-endian each."""
    return tuple(array("I", column)) if column else ()


def column_of(numbers: Collection[int]) -> bytes:
    return array("I", numbers).tobytes() if numbers else b""


def encode_media(numbers: Sequence[int]) -> bytes:
    """The bytes of a column `media`."""
    return array("q", numbers).tobytes() if numbers else b""


def decode_media(column: bytes) -> tuple[int, ...]:
    return tuple(array("q", column)) if column else ()


def may_see(graph: Graph, post: Candidate, account: int) -> bool:
    """`audience.visible`, asked of the whole graph instead of a reader's own relations."""
    author = post.account
    if graph.hidden.has(graph.SUSPENDED, author):
        return False
    if author == account:
        return True
    if graph.blocks.has(author, account):
        return False
    if post.visibility in (Reach.PUBLIC, Reach.UNLISTED, Reach.LOCAL) or account in post.mentioned:
        return True
    if post.visibility == Reach.GROUP:
        return any(
            graph.members.has(group, account) or graph.open_groups.has(0, group)
            for group in post.groups
        )
    return post.visibility == Reach.FOLLOWERS and graph.followers.has(author, account)


def standing(state: State, id_: int, reader: int) -> Candidate:
    """The post, if it stands and the reader may see it. Raises Refused("not_found")."""
    row = state.row(
        f"select {FROZEN} from posts where id = ? and deleted = 0 and boost_of = 0",
        (id_,),
    )
    if row is None:
        raise Refused("not_found")
    post = candidate_of(row)
    if not may_see(state.graph, post, reader):
        raise Refused("not_found")
    return post
