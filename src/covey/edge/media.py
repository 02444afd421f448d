"""Media come in, and go out as `/media/ab/HASH.ENDING`. A name never gets other bytes, so whoever
fetched them may keep them for ever; and whatever the bytes are, they run nothing."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from covey.edge.edge import Edge
from covey.errors import Refused
from covey.media.folder import NAME, Job
from covey.messages import RegisterMedia
from covey.state.media import ENDINGS

_TYPES: Final = {ending: media_type for media_type, ending in ENDINGS.items()}
_HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def media_url(public_url: str, name: str) -> str:
    """The address of a file of the media folder."""
    return f"{public_url}/media/{name[:2]}/{name}"


async def register(
    edge: Edge,
    account: int,
    job: Job,
    words: tuple[str, int, int] = ("", 0, 0),
    use: Literal["post", "avatar", "header"] = "post",
) -> int:
    """Make what lies in the job's folder and register it. → its number. Raises Refused."""
    made = await edge.media.make(job, use)
    description, focus_x, focus_y = words
    message = RegisterMedia(
        type=made.type, file=made.file, small=made.small, blurhash=made.blurhash,
        milliseconds=made.milliseconds, ready=made.ready, description=description,
        focus_x=focus_x, focus_y=focus_y,
    )  # fmt: skip
    return (await edge.submit(account, message)).number


def routes() -> list[BaseRoute]:
    return [Route("/media/{part}/{name}", _media)]


async def _media(request: Request) -> Response:
    edge: Edge = request.app.state.edge
    name, part = request.path_params["name"], request.path_params["part"]
    if NAME.fullmatch(name) and part == name[:2]:
        path = edge.media.folder.file(name)
        found = await asyncio.to_thread(_stat, path)
        if found is not None:
            return _response(path, name, found)
    return Response(Refused("no_such_page").sentence, status_code=404, media_type="text/plain")


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _response(path: Path, name: str, found: os.stat_result) -> Response:
    media_type = _TYPES[name.partition(".")[2]]
    headers = {**_HEADERS, "ETag": f'"{name}"'}
    if not media_type.startswith("image/"):
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return FileResponse(path, headers=headers, media_type=media_type, stat_result=found)
