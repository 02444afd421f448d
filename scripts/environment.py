"""Make a folder the Python environment that a lock file describes; see scripts/environment.

The environment is whole when it holds copies of the lock files it was made from: they are written
last. Anything less is thrown away and made anew, so a download that was cut off repairs itself.
"""

import contextlib
import fcntl
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What `python -m venv` leaves when it is cut off before it writes pyvenv.cfg.
BEGINNINGS = {"bin", "include", "lib", "lib64"}
# The lines pip writes for a package from an index, and for one that lies on this disk.
ARRIVES = re.compile(r"(?:Collecting |Processing \S+/)([\w.-]+?)(?:==|-(?=\d))([\w.]+)")


def main() -> None:
    folder = Path(os.path.abspath(sys.argv[1]))
    locks = with_included(ROOT / sys.argv[2])
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with only_one_at_a_time(folder):
            if not is_whole(folder, locks):
                make(folder, locks)
    except OSError as error:
        sys.exit(f"covey: cannot make {folder}: {error}\n  COVEY_VENV=… names another folder.")
    except KeyboardInterrupt:
        sys.exit("\ncovey: stopped; the next call begins anew")


def with_included(lock: Path) -> list[Path]:
    """The lock file, after those that it takes in with -r."""
    names = re.findall(r"^-r (\S+)$", lock.read_text(), re.MULTILINE)
    return [*(path for name in names for path in with_included(lock.parent / name)), lock]


@contextlib.contextmanager
def only_one_at_a_time(folder: Path) -> Iterator[None]:
    # Beside the folder, which is cleared; the system lets go of it however this process ends.
    with open(f"{folder}.lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another call that makes {folder.name}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_whole(folder: Path, locks: list[Path]) -> bool:
    # bin/python points at one exact version; gone after an upgrade of the system, it is no file.
    if not (folder / "bin/python").exists():
        return False
    copies = [folder / lock.name for lock in locks]
    return all(
        copy.exists() and copy.read_bytes() == lock.read_bytes()
        for copy, lock in zip(copies, locks, strict=True)
    )


def make(folder: Path, locks: list[Path]) -> None:
    started = time.monotonic()
    clear(folder)
    # Not `python3`, which may be another version after the next upgrade of the system.
    python = os.path.realpath(sys.executable)
    version = ".".join(map(str, sys.version_info[:3]))
    say(f"making the Python environment {folder} (only at the first call)")
    say(f"step 1 of 3: Python {version}, {python}")
    run([python, "-I", "-m", "venv", folder])
    say("step 2 of 3: packages, each checked against its hash")
    install(folder, locks)
    say("step 3 of 3: noting what it was made from")
    for lock in locks:
        shutil.copyfile(lock, folder / lock.name)
    say(f"ready after {time.monotonic() - started:.0f} s")


def clear(folder: Path) -> None:
    """Empty the folder, if it is an environment: COVEY_VENV may name somebody's home by mistake."""
    there = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if "pyvenv.cfg" not in there and not there <= BEGINNINGS:
        sys.exit(f"covey: {folder} has files in it and is no Python environment; left alone")
    if folder.exists():
        shutil.rmtree(folder)


def install(folder: Path, locks: list[Path]) -> None:
    pins = re.findall(r"^([\w.-]+)==", "\n".join(lock.read_text() for lock in locks), re.MULTILINE)
    total = len(set(pins))  # a package may have one version for each range of Pythons
    output, ok = pip_install(folder, locks[-1], total)
    system = ssl.get_default_verify_paths()
    certificates = system.cafile or system.capath
    if not ok and certificates and "CERTIFICATE_VERIFY_FAILED" in "".join(output):
        # Behind a proxy that signs for everybody. pip asks the system by itself from 24.2 on.
        say("  pip does not know who signed the index's certificate; asking this system's list")
        output, ok = pip_install(folder, locks[-1], total, PIP_CERT=certificates)
    if not ok:
        sys.stderr.writelines([line for line in output if not line.startswith("Ignoring ")][-15:])
        sys.exit(
            "covey: pip could not install the packages (its last lines are above).\n"
            "  It needs the package index, or a copy of it that pip is set to use. The next call "
            "begins anew."
        )


def pip_install(folder: Path, lock: Path, total: int, **variables: str) -> tuple[list[str], bool]:
    """What pip said, and whether it went well. Says what arrives, as it arrives."""
    command = [folder / "bin/python", "-I", "-m", "pip", "install", "--no-input"]
    command += ["--progress-bar=off", "--disable-pip-version-check"]
    command += ["--require-hashes", "--only-binary=:all:", "-r", lock]
    environment = {**os.environ, "PIP_USER": "0", "PIP_QUIET": "0", **variables}
    output: list[str] = []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        assert pip.stdout is not None
        count = 0
        for line in pip.stdout:
            output.append(line)
            if found := ARRIVES.match(line):
                count += 1
                say(f"  {count} of {total}: {found[1]} {found[2]}")
            elif line.startswith("Installing collected packages"):
                say("  unpacking")
    return output, pip.returncode == 0


def run(command: list[str | Path]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}covey: failed: {' '.join(map(str, command))}")


def say(line: str) -> None:
    print(f"covey: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
