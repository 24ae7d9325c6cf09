"""Ending a worker that has not begun yet, or not all of it. Imports nothing of ours: it is there at once."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import NoReturn

#: The name of the thread that compiles, as long as it does.
COMPILES = "load-kernels"
log = logging.getLogger(__name__)


def heed_signals() -> None:
    """Let SIGTERM and Ctrl-C end the process with exit code 0: there is nothing yet that must be committed.

    Whoever has work in hand puts handlers of its own in their place.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> None:
    log.info("ending", extra={"signal": signal.Signals(number).name})
    # Not by an exception: a signal may be handled within a callback, as of a weak reference that an import
    # has done with, and what such a one raises is told and forgotten.
    _leave(0)


def leave_at_once_if_compiling(code: object) -> None:
    """End the process without taking it down where something is still being compiled.

    LLVM, which does that in a thread, does not take it that Python is taken down meanwhile: it aborts the
    process, whose exit code then says that it failed.

    Args:
        code: the exit code, as :class:`SystemExit` has it.
    """
    if any(thread.name == COMPILES for thread in threading.enumerate()):
        _leave(code if isinstance(code, int) else int(code is not None))


def _leave(code: int) -> NoReturn:
    logging.shutdown()
    # Whoever was writing when a signal came cannot be waited for by what was called meanwhile.
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, RuntimeError):
            stream.flush()
    os._exit(code)
