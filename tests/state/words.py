"""What tests of posts say again and again."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from tests.state.plain_engine import PlainEngine

from covey.messages import Mention, Poll, Post

ANN, BOB, CYD, DEE = 1, 2, 3, 4
POLL = Poll(("yes", "no"), 300)


def mention(text: str) -> dict[str, Any]:
    """Text and mentions of a message whose @names are mentions."""
    found = re.finditer(r"@(\w+)", text)
    return {"text": text, "mentions": tuple(Mention(*m.span(), m[1]) for m in found)}


def saying(text: str, **fields: Any) -> Post:
    return Post(**mention(text), **fields)


def told(engine: PlainEngine) -> list[tuple[int, str, int, int]]:
    """(account, kind, sender, post) of all notifications."""
    found: list[tuple[int, str, int, int]] = engine.state.execute(
        "select account, kind, sender, post from notifications order by account, number"
    ).fetchall()
    return found


def options_of(engine: PlainEngine, post: int) -> list[tuple[str, ...]]:
    """The poll of each version that was replaced."""
    columns = engine.state.execute(
        "select poll from versions where post = ? order by number", (post,)
    ).fetchall()
    return [tuple(msgspec.msgpack.decode(column)) if column else () for (column,) in columns]
