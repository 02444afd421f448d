"""Forms: all that was wrong, at once, beside the field it is about, with the text kept."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from covey.edge.requests import Parameters
from covey.errors import Refused
from covey.keys import edge_key

_FIELDS: Final = {
    "name_malformed": "name",
    "name_reserved": "name",
    "name_taken": "name",
    "name_look_alike": "name",
    "email_malformed": "email",
    "email_taken": "email",
    "password_short": "password",
    "password_long": "password",
    "language_unknown": "language",
    "visibility_unknown": "visibility",
    "fields_many": "fields",
    "token_name_taken": "name",
    "tokens_many": "name",
    "invitation_needed": "invite",
    "invite_unknown": "invite",
}
"""The field that a refusal is about; all others are about the form's text."""

_WHATS: Final = {
    "The warning": "warning",
    "The display name": "display_name",
    "The note": "note",
    "A field's name": "fields",
    "The token's name": "name",
    "A field's value": "fields",
}
"""The field, by what the refusal says is wrong."""


class Fault(Struct, frozen=True):
    field: str
    sentence: str


def fault(refused: Refused, default: str) -> Fault:
    """`default`: the field for what is about no other."""
    what = refused.details.get("what")
    named = _WHATS.get(what) if isinstance(what, str) else None
    # clients of the API look for these words; beside the field they say nothing new
    sentence = refused.sentence.removeprefix("Validation failed: ")
    return Fault(named or _FIELDS.get(refused.code, default), sentence)


def faults(default: str, checks: Iterable[Callable[[], object]]) -> list[Fault]:
    """What these checks refuse, all of it."""
    found = []
    for check in checks:
        try:
            check()
        except Refused as refused:
            found.append(fault(refused, default))
    return found


def new_key() -> str:
    """The hidden key of a form: 32 hex digits."""
    return secrets.token_hex(16)


def submission_key(form: Parameters, *content: str) -> bytes:
    """One key for a form and what it says: sent twice it is done once, and the same page with
    another text, reached by going back, is another post."""
    digest = hashlib.sha256(repr((kept(form, "key"), *content)).encode("utf-8", "surrogatepass"))
    return edge_key(digest.digest()[:16])


def kept(form: Parameters, name: str) -> str:
    """The field as it was sent, to be shown again; empty when it is no text."""
    with contextlib.suppress(Refused):
        return form.text(name)
    return ""
