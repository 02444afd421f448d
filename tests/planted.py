"""Faults that the suite must find: `scripts/plant` plants one after the other in a copy of the
checkout and runs the tests that are said to find it.

A fault is a mistake somebody could make: two bounds confused, one case forgotten in one of two
forms. What it replaces must stand in the source exactly once (`tests/test_planted.py` holds that),
so whoever changes the line moves the fault along.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
LEFT_BEHIND: Final = shutil.ignore_patterns(".*", "__pycache__", "node_modules")
"""Environments, caches and history: a copy is the tracked files, more or less."""
SECONDS_MAX: Final = 900
"""For the tests of one fault, on a busy machine."""


class Fault(NamedTuple):
    name: str
    """AREA-WHAT."""
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    """Which must find it, as pytest names them."""

    @property
    def area(self) -> str:
        return self.name.partition("-")[0]

    def stands(self, root: Path) -> int:
        """How often the source has what it replaces."""
        return (root / self.file).read_text("utf-8").count(self.old)


AUDIENCE: Final = "src/covey/delivery/audience.py"
BOTH_FORMS: Final = ("tests/delivery/test_audience.py",)
HOMES: Final = ("tests/edge/test_home.py",)
COUNTS: Final = ("tests/edge/test_unread.py",)
STREAMS: Final = ("tests/live/test_hub.py",)
ARENA: Final = ("tests/delivery/test_arena.py",)

FAULTS: Final = (
    # --- audience ---
    Fault(
        "audience-quoted-author-forgotten-in-the-predicate",
        AUDIENCE,
        """\
    for original in (post.boost_account, post.quote_account):
        if original != author and original in reader.aside:
""",
        """\
    for original in (post.boost_account,):
        if original != author and original in reader.aside:
""",
        BOTH_FORMS,
    ),
    Fault(
        "audience-reply-without-the-parents-followers",
        AUDIENCE,
        "        readers &= graph.followers[parent]\n",
        "",
        BOTH_FORMS,
    ),
    Fault(
        "audience-who-takes-all-languages-forgotten-in-the-set",
        AUDIENCE,
        "        readers -= choosers - graph.takers[author, post.language]\n",
        "        readers &= graph.takers[author, post.language]\n",
        BOTH_FORMS,
    ),
    Fault(
        "audience-exclusive-lists-forgotten-in-the-set",
        AUDIENCE,
        "    readers = followers - hiders if hiders else followers.copy()\n",
        "    readers = followers.copy()\n",
        BOTH_FORMS,
    ),
    Fault(
        "audience-takes-from-the-graph-itself",
        AUDIENCE,
        "    readers = followers - hiders if hiders else followers.copy()\n",
        "    readers = followers - hiders if hiders else followers\n",
        BOTH_FORMS,
    ),
    Fault(
        "audience-whom-the-mentioned-blocks-in-place-of-who-blocks-it",
        AUDIENCE,
        "        if blockers := graph.blockers.get(mentioned):\n",
        "        if blockers := graph.blocks.get(mentioned):\n",
        BOTH_FORMS,
    ),
    Fault(
        "audience-limited-authors-by-tag-in-the-predicate",
        AUDIENCE,
        """\
            post.visibility == Reach.PUBLIC
            and author not in everybody.limited
""",
        """\
            post.visibility == Reach.PUBLIC
""",
        BOTH_FORMS,
    ),
    # --- floor ---
    Fault(
        "floor-off-by-one",
        "src/covey/delivery/arena.py",
        "        bottom = max(floor, words[BORN], above)\n",
        "        bottom = max(floor - 1, words[BORN], above)\n",
        HOMES + ARENA,
    ),
    Fault(
        "floor-of-whom-one-unfollows-in-place-of-ones-own",
        "src/covey/state/follows.py",
        """\
    _counted(state, entry.number, follower, followed, -1)
    moved(state, entry, outcome, follower)
""",
        """\
    _counted(state, entry.number, follower, followed, -1)
    moved(state, entry, outcome, followed)
""",
        (*HOMES, "tests/state/test_follows.py"),
    ),
    Fault(
        "floor-not-moved-by-a-mute",
        "src/covey/state/relations.py",
        """\
    state.graph.muters.add(target, actor)
    moved(state, entry, outcome, actor)
""",
        """\
    state.graph.muters.add(target, actor)
""",
        HOMES,
    ),
    Fault(
        "floor-of-who-joins-a-group-not-moved",
        "src/covey/state/groups.py",
        "    outcome.floors[account] = state.last_id\n",
        "    outcome.floors.setdefault(account, 0)\n",
        (*HOMES, "tests/state/test_groups.py"),
    ),
    # --- merge ---
    Fault(
        "merge-drops-the-last-of-a-round",
        "src/covey/state/merge.py",
        "row[0] <= last if ascending else row[0] >= last",
        "row[0] < last if ascending else row[0] > last",
        HOMES,
    ),
    Fault(
        "merge-believes-the-farthest-end-of-a-queue-that-was-cut",
        "src/covey/state/merge.py",
        "        last = min(ends.values()) if ascending else max(ends.values())\n",
        "        last = max(ends.values()) if ascending else min(ends.values())\n",
        HOMES,
    ),
    Fault(
        "merge-shows-a-post-once-for-each-reason",
        "src/covey/state/merge.py",
        "    once = (id_ for id_, _ in groupby(flat))\n",
        "    once = (id_ for _, same in groupby(flat) for id_ in same)\n",
        HOMES,
    ),
    Fault(
        "merge-forgets-tombstones-of-a-tag",
        "src/covey/state/merge.py",
        '"and first = 1"',
        '"and first = 1 and now = 1"',
        HOMES,
    ),
    # --- boost window ---
    Fault(
        "window-of-39",
        "src/covey/edge/home.py",
        "places.get(original, END_OF_HOME) - place <= BOOST_WINDOW",
        "places.get(original, END_OF_HOME) - place < BOOST_WINDOW",
        HOMES,
    ),
    Fault(
        "window-ends-with-the-page",
        "src/covey/edge/home.py",
        "            return ahead + self._window(above, ahead)\n",
        "            return ahead\n",
        HOMES,
    ),
    Fault(
        "window-forgets-other-boosts-of-the-same",
        "src/covey/edge/home.py",
        "        places[original] = place\n",
        "        places[id_] = place\n",
        HOMES,
    ),
    # --- unread counts ---
    Fault(
        "unread-counts-the-boundary",
        "src/covey/edge/unread.py",
        "    newest = _newest(feed(), position, UNREAD_MAX + 1)\n",
        "    newest = _newest(feed(), position - 1, UNREAD_MAX + 1)\n",
        COUNTS,
    ),
    Fault(
        "unread-goes-on-by-other-relations",
        "src/covey/edge/unread.py",
        " or snapshot.applied < last.applied or reader != last.relations:",
        " or snapshot.applied < last.applied:",
        COUNTS,
    ),
    Fault(
        "unread-goes-on-over-a-delete",
        "src/covey/edge/unread.py",
        "    if any(delivered(post, reader) for post in gone.values()):\n",
        "    if all(delivered(post, reader) for post in gone.values()) and len(gone) > 1:\n",
        COUNTS,
    ),
    Fault(
        "unread-notifications-of-what-is-hidden",
        "src/covey/edge/queues.py",
        """\
        if row.sender not in reader.blocks
        and row.sender not in reader.blocked_by
""",
        """\
        if row.sender not in reader.blocks
""",
        ("tests/edge/test_unread.py", "tests/edge/test_queues.py"),
    ),
    # --- and others ---
    Fault(
        "notifications-the-last-kind-stands",
        "src/covey/state/notifications.py",
        "insert or ignore into notifications",
        "insert or replace into notifications",
        ("tests/state/test_notifications.py",),
    ),
    Fault(
        "notifications-of-whom-one-is-blocked-by",
        "src/covey/state/notifications.py",
        "        or graph.blocks.has(actor, account)\n",
        "",
        ("tests/state/test_notifications.py",),
    ),
    Fault(
        "arena-an-overwritten-home-is-whole",
        "src/covey/delivery/arena.py",
        "        elif number < first:",
        "        elif number < oldest_alive:",
        ARENA,
    ),
    Fault(
        "arena-copies-are-believed",
        "src/covey/delivery/arena.py",
        "        while copied and copied[-1][0] < oldest_alive:\n",
        "        while copied and copied[-1][0] < first:\n",
        ARENA,
    ),
    Fault(
        "streams-resume-behind-their-cursors-number",
        "src/covey/live/hub.py",
        "            since = number if ordinal >= _ALL else number - 1\n",
        "            since = number\n",
        STREAMS,
    ),
    Fault(
        "streams-bring-twice-what-a-catch-up-brought",
        "src/covey/live/hub.py",
        "                if event.number > stream.number:\n",
        "                if event.number >= stream.number:\n",
        STREAMS,
    ),
)  # fmt: skip


# --- plant and look ---------------------------------------------------------------------------


def copy(to: Path) -> Path:
    """The checkout as it is, without what is not tracked."""
    return Path(shutil.copytree(ROOT, to / "checkout", ignore=LEFT_BEHIND, symlinks=True))


def run(checkout: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """pytest on these tests of a copy, until the first that fails → (its exit status, what it
    said). Failing examples are not made smaller: that takes minutes, and nobody reads them."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "PYTHONDONTWRITEBYTECODE": ""}
    environment.pop("COVEY_FRESH_SEEDS", None)
    done = subprocess.run(
        [*command, "--hypothesis-profile=quick", *tests],
        cwd=checkout, env=environment, timeout=SECONDS_MAX, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def found(fault: Fault, checkout: Path) -> str:
    """Plant it, run its tests, take it out again. → the test that found it; empty: none did.
    Raises AssertionError where its text is gone or the tests do not run."""
    path = checkout / fault.file
    source = path.read_text("utf-8")
    assert source.count(fault.old) == 1, f"{fault.file}: what {fault.name} replaces is not there"
    path.write_text(source.replace(fault.old, fault.new), "utf-8")
    try:
        status, said = run(checkout, fault.tests)
    finally:
        path.write_text(source, "utf-8")
    assert status in (0, 1), f"{fault.name}: the tests did not run\n{said}"
    failed = [line.split()[1] for line in said.splitlines() if line.startswith("FAILED ")]
    assert status == 0 or failed, f"{fault.name}: no test failed, but they did not run\n{said}"
    return failed[0] if status else ""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/plant",
        description="Plant faults in a copy of the checkout, one after the other, and see that the"
        " suite finds each. Exit status 1: one was not found, or what it replaces is gone.",
        epilog="Example: scripts/plant floor window-of-39",
    )
    parser.add_argument("names", nargs="*", metavar="FAULT", help="or an area; all by default")
    parser.add_argument("--list", action="store_true", help="the faults, and which tests find each")
    options = parser.parse_args()
    known = {name for fault in FAULTS for name in (fault.name, fault.area)}
    for name in options.names:
        if name not in known:
            parser.error(f"no fault and no area is called {name!r}: see scripts/plant --list")
    chosen = [f for f in FAULTS if not options.names or {f.name, f.area} & set(options.names)]
    if options.list:
        for fault in chosen:
            print(f"{fault.name}\n    in {fault.file}, found by {' '.join(fault.tests)}")
        return 0
    with tempfile.TemporaryDirectory(prefix="covey-plant-") as folder:
        return look_for(chosen, copy(Path(folder)))


def look_for(faults: list[Fault], checkout: Path) -> int:
    """The exit status. Tests that fail without any fault would find everything, so they come
    first."""
    began = time.monotonic()
    tests = tuple(dict.fromkeys(test for fault in faults for test in fault.tests))
    print("without a fault … ", end="", flush=True)
    status, said = run(checkout, tests)
    if status:
        print(f"the tests fail as it is\n{said}")
        return 1
    print(f"green, {time.monotonic() - began:.0f} s")
    missed = 0
    for place, fault in enumerate(faults, 1):
        print(f"{place}/{len(faults)} {fault.name} … ", end="", flush=True)
        planted = time.monotonic()
        try:
            by = found(fault, checkout)
        except AssertionError as error:
            by = ""
            print(error, end=" … ")
        missed += not by
        words = f"found by {by}" if by else "NOT FOUND"
        print(f"{words}, {time.monotonic() - planted:.0f} s", flush=True)
    print(f"{len(faults) - missed} of {len(faults)} found, {time.monotonic() - began:.0f} s in all")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
