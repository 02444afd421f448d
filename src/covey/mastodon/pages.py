"""Cursors out of parameters, and the Link header of every list."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from covey.edge.cursor import Cursor, Page, fill
from covey.edge.cursor import page as page_of
from covey.edge.requests import id_of
from covey.errors import Refused
from covey.limits import IDS_PER_REQUEST, PAGE_POSTS, PAGE_POSTS_MAX
from covey.mastodon.door import Answer, Call
from covey.mastodon.entities import joined
from covey.state.queries import Snapshot

_CURSOR: Final = ("max_id", "min_id", "since_id")


def limit_of(call: Call, default: int = PAGE_POSTS, maximum: int = PAGE_POSTS_MAX) -> int:
    """Raises Refused("parameter_malformed"); more than `maximum` counts as that."""
    return call.parameters.integer("limit", default, 1, maximum)


def cursor_of(call: Call, default: int = PAGE_POSTS, maximum: int = PAGE_POSTS_MAX) -> Cursor:
    """Raises Refused("parameter_malformed")."""
    parameters = call.parameters
    if not parameters.tree:
        return Cursor(limit=default)
    given = {name: parameters.id(name) for name in _CURSOR if parameters.text(name).strip()}
    return Cursor(**given, limit=limit_of(call, default, maximum))


def ids_of(call: Call, name: str = "id") -> list[int]:
    """`id[]=1&id[]=2`, or plain `id=`. What can't be an id is left out, like an unknown one."""
    words = call.parameters.texts(name)
    if len(words) > IDS_PER_REQUEST:
        raise Refused(
            "parameter_malformed", name=name, why=f"there are more than {IDS_PER_REQUEST}"
        )
    found = (id_of(word) for word in words)
    return [id_ for id_ in dict.fromkeys(found) if id_ is not None]


def numbered(
    snapshot: Snapshot, cursor: Cursor, select: str, position: str, values: tuple[object, ...]
) -> Page[Any]:
    """Rows of `select` … `where` …, whose first column is their position, as a page."""
    order = "asc" if cursor.ascending else "desc"
    sql = f"{select} and {position} < ? and {position} > ? order by {position} {order} limit ?"

    def pull(below: int, above: int, count: int) -> list[Any]:
        return snapshot.rows(sql, (*values, below, above, count))

    return page_of(cursor, fill(cursor, pull, list, _first), _first)


def _first(row: tuple[int, ...]) -> int:
    return row[0]


def listed(call: Call, items: list[bytes], newest: int, oldest: int, older: bool) -> Answer:
    """A list with its Link header."""
    return linked(call, joined(items), newest, oldest, older)


def linked(call: Call, body: bytes, newest: int, oldest: int, older: bool) -> Answer:
    """A page with its Link header: `next` when there may be more below `oldest`, `prev` for what
    lies above `newest`."""
    answer = Answer(body)
    if not newest:
        return answer
    base = f"<{call.public_url}{quote(call.scope['path'])}?{_kept(call)}"
    link = f'{base}min_id={newest}>; rel="prev"'
    if older:
        link = f'{base}max_id={oldest}>; rel="next", {link}'
    answer.headers = [(b"link", link.encode("latin-1"))]
    return answer


def _kept(call: Call) -> str:
    """What the query says beside the cursor, as it was sent, ready for one more name."""
    query: str = call.scope["query_string"].decode("latin-1")
    if not query:
        return ""
    kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in _CURSOR]
    return "".join(f"{pair}&" for pair in kept).replace("<", "%3C").replace(">", "%3E")
