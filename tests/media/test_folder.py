"""The media folder: what is kept stays, what nothing names goes, what is half-done goes with
whoever made it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.server import environment

from covey.media.folder import YOUNG_SECONDS, MediaFolder

NOTHING: set[str] = set()


def kept(folder: MediaFolder, data: bytes) -> str:
    job = folder.job()
    (job.path / "file").write_bytes(data)
    hash_, size = folder.keep(job.path / "file", "image/png")
    job.close()
    assert size == len(data)
    assert hash_ == hashlib.sha256(data).digest()
    return f"{hash_.hex()}.png"


def test_a_file_is_named_by_its_bytes(tmp_path: Path) -> None:
    folder = MediaFolder(tmp_path)
    name = kept(folder, b"an owl")
    path = folder.file(name)
    assert path == tmp_path / "media" / name[:2] / name
    assert path.read_bytes() == b"an owl"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert kept(folder, b"an owl") == name
    assert not list((tmp_path / "media" / "incoming").iterdir())


@pytest.mark.parametrize("name", ["", "x", "../../log.db", f"{'a' * 64}.svg", f"{'A' * 64}.png"])
def test_no_other_name_is_looked_for(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError):
        MediaFolder(tmp_path).file(name)


def test_what_no_row_names_is_swept_away_when_it_is_old(tmp_path: Path) -> None:
    folder = MediaFolder(tmp_path)
    named, lost = kept(folder, b"an owl"), kept(folder, b"a barn")
    later = time.time() + YOUNG_SECONDS + 60
    assert folder.sweep(lambda part: NOTHING) == 0  # its message may be on the way
    assert folder.sweep(lambda part: {named}, later) == 1
    assert folder.file(named).exists()
    assert not folder.file(lost).exists()


def test_a_file_that_comes_again_is_young_again(tmp_path: Path) -> None:
    folder = MediaFolder(tmp_path)
    name = kept(folder, b"an owl")
    os.utime(folder.file(name), (1, 1))
    kept(folder, b"an owl")
    assert folder.sweep(lambda part: NOTHING) == 0


def test_a_job_of_somebody_who_lives_is_left_alone(tmp_path: Path) -> None:
    folder = MediaFolder(tmp_path)
    job = folder.job()
    (job.path / "upload").write_bytes(b"half of an ow")
    folder.sweep(lambda part: NOTHING)
    assert (job.path / "upload").exists()
    job.close()
    job.close()
    assert not job.path.exists()


def test_a_job_of_a_process_that_was_killed_is_swept_away(tmp_path: Path) -> None:
    folder = MediaFolder(tmp_path)
    program = (
        "import sys, pathlib\n"
        "from covey.media.folder import MediaFolder\n"
        f"job = MediaFolder(pathlib.Path({str(tmp_path)!r})).job()\n"
        "(job.path / 'upload').write_bytes(b'half')\n"
        "print('made', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment(), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"made\n"
        folder.sweep(lambda part: NOTHING)
        incoming = list((tmp_path / "media" / "incoming").iterdir())
        assert len(incoming) == 1
        process.kill()
    folder.sweep(lambda part: NOTHING)
    assert not incoming[0].exists()
