"""The readers that a server runs, in no order: each follows the log on its own."""

from __future__ import annotations

from covey.readers.push.reader import Push
from covey.readers.reader import Reader, Surroundings
from covey.readers.search.reader import Search


def readers(around: Surroundings) -> list[Reader]:
    """Made anew for each worker. What is heavy to import is imported here, by those who need it."""
    return [Search(around), Push(around)]
