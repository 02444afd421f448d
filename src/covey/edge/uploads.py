"""Forms with files: fields as in `requests`, files streamed to a job's folder and never whole in
memory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Receive, Scope

from covey.edge.requests import (
    Parameters,
    Tree,
    decoded,
    grow,
    header,
    parse_query,
    read_parameters,
)
from covey.errors import Refused
from covey.limits import BODY_BYTES, FORM_FIELDS, UPLOAD_SECONDS, VIDEO_BYTES

logger: Final = logging.getLogger("covey.edge")

LONGER: Final = "covey.longer"
"""In the scope of a request: gives it so many seconds from now on (see `edge.connection`)."""


class Sent(msgspec.Struct, frozen=True):
    """A file of a form, where it lies now. Those of fields left alone are not among them."""

    path: Path
    size: int


async def read_upload(
    scope: Scope, receive: Receive, folder: Path, files: dict[str, str]
) -> tuple[Parameters, dict[str, Sent]]:
    """Query and body as one tree, and the files. `files`: field → the name that its file gets in
    `folder`; a file of any other field is refused. A body that is no multipart form is read as any.

    Raises Refused: what `read_parameters` raises, "media_large", "parameter_malformed".
    """
    kind, options = parse_options_header(header(scope, b"content-type"))
    if kind != b"multipart/form-data":
        return await read_parameters(scope, receive), {}
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise Refused("body_malformed", why="it is not multipart: there is no boundary")
    length = header(scope, b"content-length")
    if length.isdecimal() and int(length[:20]) > len(files) * VIDEO_BYTES + BODY_BYTES:
        raise Refused("media_large", what="A file", limit=VIDEO_BYTES)
    longer: Callable[[float], None] | None = scope.get(LONGER)
    if longer is not None:
        longer(UPLOAD_SECONDS)
    form = _Form(folder, files)
    try:
        parser = MultipartParser(boundary, form.callbacks())
        while True:
            event = await receive()
            if event["type"] != "http.request":
                raise Refused("body_malformed", why="the connection ended before the body did")
            parser.write(event.get("body", b""))
            if not event.get("more_body"):
                break
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise Refused("body_malformed", why=f"it is not multipart: {error}") from None
    except OSError:
        logger.exception("an upload could not be written")
        raise Refused("read_only") from None
    finally:
        form.close()
    if not form.ended:
        raise Refused("body_malformed", why="it is not multipart: its end is missing")
    tree: Tree = parse_query(scope["query_string"]).tree
    tree.update(grow({}, form.fields))
    return Parameters(tree), form.sent


class _Form:
    """What a parser tells, piece by piece."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder, self.files = folder, files
        self.fields: list[tuple[str, str]] = []
        self.sent: dict[str, Sent] = {}
        self.ended = False
        self._parts = 0
        self._words = 0
        """Bytes of all fields that are no files."""
        self._name = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._field = ""
        self._text: list[bytes] = []
        self._file: BinaryIO | None = None
        self._size = 0
        self._named = False

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin, "on_part_data": self._data, "on_part_end": self._end,
            "on_header_field": self._on_name, "on_header_value": self._on_value,
            "on_header_end": self._on_header, "on_headers_finished": self._on_headers,
            "on_end": self._on_end,
        }  # fmt: skip

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > FORM_FIELDS:
            raise Refused("body_malformed", why=f"it has more than {FORM_FIELDS} fields")
        self._headers, self._text, self._size = {}, [], 0

    def _on_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._field = decoded("The form", options.get(b"name", b""))
        if b"filename" not in options:
            return
        if self._field not in self.files or self._field in self.sent:
            raise Refused("parameter_malformed", name=self._field[:50], why="no file is asked for")
        self._named = bool(options[b"filename"])
        self._file = (self.folder / self.files[self._field]).open("wb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._file is not None:
            if self._size > VIDEO_BYTES:
                raise Refused("media_large", what="A file", limit=VIDEO_BYTES)
            self._file.write(data[start:end])
            return
        self._words += end - start
        if self._words > BODY_BYTES:
            raise Refused("body_large", limit=BODY_BYTES)
        self._text.append(data[start:end])

    def _end(self) -> None:
        if self._file is None:
            self.fields.append((self._field, decoded("The form", b"".join(self._text))))
            return
        path = self.folder / self.files[self._field]
        self.close()
        if self._size or self._named:
            self.sent[self._field] = Sent(path, self._size)

    def _on_end(self) -> None:
        self.ended = True
