"""Ending a worker that has not begun yet. Imports nothing, so that it is there from the first moment on."""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType

log = logging.getLogger(__name__)


def heed_signals() -> None:
    """Let SIGTERM and Ctrl-C end the process with exit code 0: there is nothing yet that must be committed.

    Whoever has work in hand puts handlers of its own in their place.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> None:
    log.info("ending", extra={"signal": signal.Signals(number).name})
    sys.exit(0)
