"""What the worker is at, as the supervisor reads it."""

from __future__ import annotations

import os

from covey.readers.doing import BYTES, Doing, make_doing_file, read_doing


def test_what_it_is_at() -> None:
    descriptor = make_doing_file()
    assert read_doing(descriptor) == ""
    doing = Doing(descriptor)
    one, two = doing.say("one at message 1"), doing.say("two at message 22")
    assert read_doing(descriptor) == "one at message 1; two at message 22"
    doing.unsay(one)
    assert read_doing(descriptor) == "two at message 22"
    Doing(descriptor)  # the next worker: it is at nothing yet
    assert read_doing(descriptor) == ""
    doing.unsay(two)
    os.close(descriptor)


def test_more_than_there_is_room_for() -> None:
    descriptor = make_doing_file()
    doing = Doing(descriptor)
    for _ in range(3):
        doing.say("x" * (BYTES // 2))
    assert len(read_doing(descriptor)) == BYTES - 1
    os.close(descriptor)
