"""The checkout starts on a fresh machine: launcher, locks, and what must not stand in them."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ["requirements.txt", "requirements-test.txt", "requirements-fast.txt"]
SCRIPTS = ["covey", ".ci/run", "scripts/environment", "scripts/lint", "scripts/format"]
SCRIPTS += ["scripts/test", "scripts/lock", "scripts/plant"]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, str]:
    """Name → the text of its entry: markers and hashes."""
    text = (ROOT / lock).read_text()
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    return {canonical(entry.partition("==")[0]): entry for entry in entries}


def required(lines: list[str]) -> set[str]:
    return {canonical(re.split(r"[<>=!~ ;\[]", line, maxsplit=1)[0]) for line in lines}


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("requirements.txt", PROJECT["project"]["dependencies"]),
        ("requirements-test.txt", PROJECT["dependency-groups"]["test"]),
        ("requirements-fast.txt", PROJECT["project"]["optional-dependencies"]["fast"]),
    ],
)
def test_lock_has_all_that_is_required(lock: str, requirements: list[str]) -> None:
    assert required(requirements) <= pins(lock).keys()


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_every_package_by_hash_and_names_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--only-binary :all:" in text
    for name, entry in pins(lock).items():
        assert "--hash=sha256:" in entry, f"{name} has no hash; run scripts/lock"


def test_every_dependency_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    block = text.partition("\ndependencies = [\n")[2].partition("\n]\n")[0]
    for line in block.splitlines():
        assert re.search(r'",\s+# \S+, 20\d\d-\d\d: ', line), line


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_is_executable(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The launcher around a program that prints how it was called."""
    root = tmp_path / "check out"
    package = root / "src/covey"
    package.mkdir(parents=True)
    shutil.copy(ROOT / "covey", root)
    shutil.copytree(ROOT / "scripts", root / "scripts")
    (root / "requirements.txt").write_text("# nothing\n")
    (root / "requirements-fast.txt").write_text("-r requirements.txt\n")
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import sys\nprint(sys.prefix, *sys.argv[1:])\n")
    return root


def launch(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "COVEY" not in name}
    environment |= {"COVEY_PYTHON": sys.executable} | variables
    return subprocess.run(
        [root / "covey", *arguments], env=environment, capture_output=True, text=True
    )


def test_launcher_makes_the_environment_once(checkout: Path) -> None:
    first = launch(checkout, "serve", "two words")
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"{checkout}/.venv serve two words\n"
    assert "step 1 of 3" in first.stderr

    second = launch(checkout)
    assert (second.returncode, second.stderr) == (0, "")


@pytest.mark.long
def test_launcher_makes_the_environment_again_when_the_lock_changes(checkout: Path) -> None:
    assert launch(checkout).returncode == 0
    (checkout / "requirements.txt").write_text("# nothing, said otherwise\n")
    assert "step 1 of 3" in launch(checkout).stderr
    assert launch(checkout).stderr == ""


@pytest.mark.long
def test_launcher_called_twice_at_once_makes_one_environment(checkout: Path) -> None:
    environment = {**os.environ, "COVEY_PYTHON": sys.executable}
    calls = [
        subprocess.Popen(
            [checkout / "covey"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    answers = [call.communicate() for call in calls]
    assert [call.returncode for call in calls] == [0, 0, 0], answers
    assert sum("step 1 of 3" in messages for _, messages in answers) == 1


@pytest.mark.long
def test_launcher_begins_anew_after_it_was_cut_off(checkout: Path) -> None:
    assert launch(checkout).returncode == 0
    (checkout / ".venv/requirements.txt").unlink()  # written last
    again = launch(checkout)
    assert again.returncode == 0
    assert "step 1 of 3" in again.stderr


@pytest.mark.long
def test_launcher_begins_anew_when_the_systems_python_is_gone(checkout: Path) -> None:
    assert launch(checkout).returncode == 0
    python = checkout / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert "step 1 of 3" in launch(checkout).stderr


@pytest.mark.long
def test_launcher_works_through_a_link_and_from_any_folder(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "covey").symlink_to("../check out/covey")
    (folder / "sys.py").write_text("raise SystemExit('imported from the current folder')\n")
    (folder / "runpy.py").write_text("raise SystemExit('imported from the current folder')\n")
    environment = {**os.environ, "COVEY_PYTHON": sys.executable}
    called = subprocess.run(
        ["./covey", "x"], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert called.stdout == f"{checkout}/.venv x\n", called.stderr


@pytest.mark.long
def test_launcher_keeps_the_compiled_kernel_once_asked_for(checkout: Path) -> None:
    assert launch(checkout, COVEY_FAST="1").returncode == 0
    assert (checkout / ".venv/requirements-fast.txt").exists()
    assert launch(checkout).stderr == ""


def test_launcher_leaves_a_folder_alone_that_is_no_environment(checkout: Path) -> None:
    home = checkout / "home"
    home.mkdir()
    (home / "letter.txt").write_text("dear")
    answer = launch(checkout, COVEY_VENV=str(home))
    assert answer.returncode == 1
    assert "is no Python environment" in answer.stderr
    assert (home / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("exit 3", "is not a Python of 3.11 to 3.14"),
        ("exit 4", "apt install python3-venv"),
        ("exit 127", "is not a Python of 3.11 to 3.14"),
    ],
)
def test_launcher_says_what_is_missing(checkout: Path, program: str, says: str) -> None:
    python = checkout / "old-python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    answer = launch(checkout, COVEY_PYTHON=str(python))  # with a blank in its path
    assert answer.returncode == 1
    assert says in answer.stderr


@pytest.mark.long
def test_failed_download_is_told_and_mended_by_the_next_call(checkout: Path) -> None:
    lock = checkout / "requirements.txt"
    lock.write_text(f"no-such-package==1 --hash=sha256:{64 * '0'}\n")
    answer = launch(checkout, PIP_NO_INDEX="1")
    assert answer.returncode == 1
    assert "pip could not install" in answer.stderr
    assert "no-such-package" in answer.stderr
    lock.write_text("# nothing\n")
    assert launch(checkout).returncode == 0
