"""Static files, under names that change with their content, so that browsers keep them for good."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

FOLDER: Final = Path(__file__).with_name("static")
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class StaticFiles:
    """All files of the folder, in memory: they are few and small. An ASGI endpoint of
    `/static/{name}`."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._answers: dict[str, Response] = {}
        self._addresses: dict[str, str] = {}
        for path in sorted(folder.iterdir()):
            body = path.read_bytes()
            name = f"{path.stem}.{hashlib.sha256(body).hexdigest()[:12]}{path.suffix}"
            headers = {
                "Content-Type": _TYPES[path.suffix],
                "Cache-Control": "public, max-age=31536000, immutable",
                "X-Content-Type-Options": "nosniff",
            }
            self._answers[name] = Response(body, headers=headers)
            self._addresses[path.name] = f"/static/{name}"

    def address(self, name: str) -> str:
        """`style.css` → `/static/style.<hash>.css`. Raises KeyError."""
        return self._addresses[name]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._answers.get(scope["path_params"]["name"])
        if found is None:
            found = Response("There is no such file.", 404, media_type="text/plain")
        await found(scope, receive, send)


FILES: Final = StaticFiles()
