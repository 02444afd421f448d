"""A real server: its edge is killed in the middle of uploads; and what tools say of media."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from tests.media.test_pictures import saved, scene
from tests.server import Server, environment, eventually, serving

PICTURE = saved(scene(900, 600), "JPEG")


def incoming(server: Server) -> list[Path]:
    return list((server.folder / "media" / "incoming").iterdir())


def half_an_upload(server: Server, token: str) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", server.port), timeout=180)
    line.sendall(
        b"POST /api/v2/media HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token.encode()
        + b"\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 900000\r\n\r\n"
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + PICTURE
    )  # fmt: skip
    return line


def test_nothing_half_done_stays_after_a_kill(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        (_, token) = server.people("ada")["ada"]
        with server.client(token) as ada:
            made = ada.post("/api/v2/media", files={"file": ("a", PICTURE)}).json()
            status = ada.post("/api/v1/statuses", json={"media_ids": [made["id"]]}).json()
        with half_an_upload(server, token):
            eventually(lambda: bool(incoming(server)), "half of an upload lies there")
            server.kill("edge")
        eventually(lambda: not incoming(server), "it was swept away")
        eventually(server.answers, "it answers again")
        with server.client(token) as ada:
            again = ada.get(f"/api/v1/statuses/{status['id']}").json()
            assert again["media_attachments"] == [made]
            assert ada.get(made["url"]).headers["content-type"] == "image/jpeg"
            assert (
                ada.post("/api/v2/media", files={"file": ("a", PICTURE)}).json()["id"] > made["id"]
            )
        # half of an upload of somebody who goes away goes at once
        half_an_upload(server, token).close()
        eventually(lambda: not incoming(server), "it went with whoever sent it")
        server.verify()
        server.stop()
        done = subprocess.run(
            server.command("rebuild"), env=environment(), capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        server.start()
        with server.client(token) as ada:
            again = ada.get(f"/api/v1/statuses/{status['id']}").json()
            assert again["media_attachments"] == [made]
        server.stop()
