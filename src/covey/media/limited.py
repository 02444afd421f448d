"""Another program, with less of everything: `python -m covey.media.limited SECONDS PROGRAM …`. It
ends when whoever started it does."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

from covey.limits import MEDIA_WORKER_BYTES
from covey.media.worker import limit_this_process

_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    seconds, program, *arguments = sys.argv[1:]
    limit_this_process(2 * MEDIA_WORKER_BYTES, int(seconds))
    os.nice(10)  # people who read come first
    # kept over exec; the parent may have ended before this line, then it is init
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.execvp(program, [program, *arguments])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
