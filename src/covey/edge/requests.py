"""Reading what a request says: query, JSON, form or multipart, all into one tree of names.

`a[]=1`, `a[b][]=1`, `a[0][b]=1` and the same as JSON are the same to whoever asks. What can't be
read is refused with a sentence: too large, too deep, wrong UTF-8, NUL, a type nobody knows.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec
import python_multipart
from python_multipart.exceptions import FormParserError
from starlette.types import Receive, Scope

from covey.errors import Refused
from covey.limits import BODY_BYTES, FORM_FIELDS, NESTING

Tree = dict[str, Any]
"""name → str, int, float, bool, None, Upload, list or Tree."""

ID_MAX: Final = (1 << 63) - 1
_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_TRUE: Final = frozenset(["true", "1", "on", "t", "yes"])
_FALSE: Final = frozenset(["false", "0", "off", "f", "no", ""])
_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]")


class Upload(msgspec.Struct, frozen=True):
    """A file in a multipart body."""

    name: str
    content: bytes


class Parameters:
    """What a request says. The names in refusals are the request's own."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def __contains__(self, name: str) -> bool:
        return name in self.tree

    def text(self, name: str, default: str = "") -> str:
        """Raises Refused("parameter_malformed") when it is no single value."""
        value = self.tree.get(name)
        if isinstance(value, list) and value and not isinstance(value[-1], dict | list):
            value = value[-1]  # said twice: the last one holds
        if value is None:
            return default
        return _text(name, value)

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if self.tree.get(name) is not None else None

    def required_text(self, name: str) -> str:
        """Raises also Refused("parameter_missing")."""
        value = self.text(name)
        if not value:
            raise Refused("parameter_missing", name=name)
        return value

    def boolean(self, name: str, default: bool = False) -> bool:
        word = self.text(name, "true" if default else "false").strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise Refused("parameter_malformed", name=name, why="it is true or false")

    def integer(self, name: str, default: int = 0, minimum: int = 0, maximum: int = ID_MAX) -> int:
        """Above `maximum` it counts as that; below `minimum` it is refused."""
        word = self.text(name).strip()
        if not word:
            return default
        if not _INTEGER.fullmatch(word) or int(word) < minimum:
            raise Refused(
                "parameter_malformed", name=name, why=f"it is a whole number from {minimum} on"
            )
        return min(int(word), maximum)

    def id(self, name: str) -> int:
        """0 when it is not said."""
        word = self.text(name).strip()
        if not word:
            return 0
        found = id_of(word)
        if found is None:
            raise Refused("parameter_malformed", name=name, why="an id is a number, in digits")
        return found

    def values(self, name: str) -> list[Any]:
        """One value is a list of one; `a[0]=…&a[1]=…` is a list in the order of its numbers."""
        value = self.tree.get(name)
        if value is None or value == "":
            return []
        if isinstance(value, dict) and value and all(_DIGITS.fullmatch(key) for key in value):
            return [value[key] for key in sorted(value, key=int)]
        return value if isinstance(value, list) else [value]

    def texts(self, name: str) -> list[str]:
        return [_text(name, value) for value in self.values(name)]

    def trees(self, name: str) -> list[Parameters]:
        """A list of trees. Raises Refused("parameter_malformed")."""
        values = self.values(name)
        if not all(isinstance(value, dict) for value in values):
            raise Refused("parameter_malformed", name=name, why="a list of fields is needed")
        return [Parameters(value) for value in values]

    def below(self, name: str) -> Parameters:
        """The tree under a name; empty when it is not said."""
        value = self.tree.get(name)
        if value is None or value == "":
            return Parameters({})
        if not isinstance(value, dict):
            raise Refused("parameter_malformed", name=name, why="fields are needed in it")
        return Parameters(value)


def id_of(text: str) -> int | None:
    """An id in digits, or None."""
    if not _DIGITS.fullmatch(text) or not text.isascii():
        return None
    value = int(text)
    return value if value <= ID_MAX else None


def header(scope: Scope, name: bytes) -> str:
    """The header's value, or empty. `name` in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1")
    return ""


def all_of(scope: Scope, name: bytes) -> str:
    """The values of a header that may stand in several lines, as the one list that they are."""
    return ",".join(bytes(v).decode("latin-1") for k, v in scope["headers"] if k == name)


async def read_parameters(scope: Scope, receive: Receive) -> Parameters:
    """Query and body as one tree; what the body says holds over the query. Raises Refused."""
    tree: Tree = {}
    query = scope["query_string"]
    if query:
        grow(tree, _pairs(query, "The query"))
    if scope["method"] in ("POST", "PUT", "PATCH", "DELETE"):
        body = await read_body(scope, receive)
        if body:
            tree.update(parse_body(body, header(scope, b"content-type")))
    return Parameters(tree)


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Raises Refused("body_large" or "body_malformed")."""
    length = header(scope, b"content-length")
    if length and (not _DIGITS.fullmatch(length) or int(length) > BODY_BYTES):
        raise Refused("body_large", limit=BODY_BYTES)
    pieces, size = [], 0
    while True:
        event = await receive()
        if event["type"] != "http.request":
            raise Refused("body_malformed", why="the connection ended before the body did")
        piece = event.get("body", b"")
        size += len(piece)
        if size > BODY_BYTES:
            raise Refused("body_large", limit=BODY_BYTES)
        pieces.append(piece)
        if not event.get("more_body"):
            return b"".join(pieces)


def parse_body(body: bytes, content_type: str) -> Tree:
    """Raises Refused: media_type, body_malformed, text_encoding, text_character."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return parse_json(body)
    if kind == "application/x-www-form-urlencoded":
        return grow({}, _pairs(body, "The form"))
    if kind == "multipart/form-data":
        return grow({}, _multipart(body, content_type))
    raise Refused("media_type", type=kind[:100] or "of no type")


def parse_query(query: bytes) -> Parameters:
    """Raises Refused: text_encoding, text_character, body_malformed."""
    return Parameters(grow({}, _pairs(query, "The query")))


def parse_json(body: bytes) -> Tree:
    """A JSON object. Raises Refused: body_malformed, text_encoding, text_character."""
    try:
        tree = msgspec.json.decode(body)
    except RecursionError:
        raise Refused("body_malformed", why=f"it is nested deeper than {NESTING}") from None
    except UnicodeDecodeError:
        raise Refused("text_encoding", what="The body") from None
    except msgspec.DecodeError as error:
        raise Refused("body_malformed", why=f"it is not JSON: {error}") from None
    if not isinstance(tree, dict):
        raise Refused("body_malformed", why="a JSON object is needed")
    _check_json(tree, 1)
    return tree


def _check_json(value: object, depth: int) -> None:
    if depth > NESTING:
        raise Refused("body_malformed", why=f"it is nested deeper than {NESTING}")
    if isinstance(value, str):
        _check_string("The body", value)
    elif isinstance(value, dict):
        for key, below in value.items():
            _check_string("The body", key)
            _check_json(below, depth + 1)
    elif isinstance(value, list):
        for below in value:
            _check_json(below, depth + 1)


def _check_string(what: str, text: str) -> None:
    if "\0" in text:
        raise Refused("text_character", what=what, point="0000")
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        raise Refused("text_encoding", what=what) from None


def decoded(what: str, raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Refused("text_encoding", what=what) from None
    if "\0" in text:
        raise Refused("text_character", what=what, point="0000")
    return text


def _pairs(encoded: bytes, what: str) -> Iterator[tuple[str, str]]:
    for piece in encoded.split(b"&"):
        if piece:
            name, _, value = piece.replace(b"+", b" ").partition(b"=")
            yield decoded(what, unquote_to_bytes(name)), decoded(what, unquote_to_bytes(value))


def _multipart(body: bytes, content_type: str) -> Iterator[tuple[str, str | Upload]]:
    found: list[tuple[str, str | Upload]] = []

    def on_field(field: Any) -> None:
        name = decoded("The form", field.field_name or b"")
        found.append((name, decoded("The form", field.value or b"")))

    def on_file(file: Any) -> None:
        name = decoded("The form", file.field_name or b"")
        file.file_object.seek(0)
        content = file.file_object.read()
        file.close()
        found.append((name, Upload(decoded("The form", file.file_name or b""), content)))

    try:
        python_multipart.parse_form(
            {"Content-Type": content_type.encode("latin-1")}, io.BytesIO(body), on_field, on_file
        )
    except (FormParserError, ValueError) as error:
        raise Refused("body_malformed", why=f"it is not multipart: {error}") from None
    return iter(found)


def grow(tree: Tree, pairs: Iterable[tuple[str, str | Upload]]) -> Tree:
    """Put each pair where its name's brackets say."""
    for count, (name, value) in enumerate(pairs):
        if count >= FORM_FIELDS:
            raise Refused("body_malformed", why=f"it has more than {FORM_FIELDS} fields")
        first, bracket, rest = name.partition("[")
        keys = _BRACKETS.findall(bracket + rest)
        if len(keys) >= NESTING:
            raise Refused("body_malformed", why=f"it is nested deeper than {NESTING}")
        if "".join(f"[{key}]" for key in keys) != bracket + rest or not first:
            first, keys = name, []  # no brackets in pairs: a name like any other
        _put(tree, first, keys, value)
    return tree


def _put(tree: Tree, key: str, keys: list[str], value: str | Upload) -> None:
    if not keys:
        before = tree.get(key)
        if before is None:
            tree[key] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            tree[key] = [before, value]
        return
    if keys[0] == "":
        row = tree.setdefault(key, [])
        if not isinstance(row, list):
            raise Refused("parameter_malformed", name=key, why="it is a list and something else")
        if len(keys) == 1:
            row.append(value)
            return
        # a[][b]=1&a[][c]=2&a[][b]=3: a new one begins where a name comes again
        last = row[-1] if row else None
        if not isinstance(last, dict) or (len(keys) == 2 and keys[1] in last):
            row.append({})
        _put(row[-1], keys[1], keys[2:], value)
        return
    below = tree.setdefault(key, {})
    if not isinstance(below, dict):
        raise Refused("parameter_malformed", name=key, why="it is a value and has fields")
    _put(below, keys[0], keys[1:], value)


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise Refused("parameter_malformed", name=name, why="a text is needed")
