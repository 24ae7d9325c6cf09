"""Lets other signals end a program as Ctrl-C does, so that it can clear up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ended_by(*signals: signal.Signals) -> Iterator[None]:
    """Let these signals do what Ctrl-C does, but for those that nohup, say, made this process ignore."""
    heeded = [each for each in signals if signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, _as_ctrl_c) for each in heeded}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    """What Ctrl-C does at this moment; while asyncio runs, that is more than a KeyboardInterrupt."""
    now = signal.getsignal(signal.SIGINT)
    # A shell makes what it starts in the background ignore Ctrl-C, and that alone.
    (now if callable(now) else signal.default_int_handler)(number, frame)
