"""When the writer works: once there is something to do, and it is time to do it."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from stream_rfm.stream.event import came
from stream_rfm.stream.pace import Pace

# With the wall clock rescorings come due without anything arriving.
_IDLE_SECONDS = 0.25


class Work(Protocol):
    """What there is to do."""

    def has_work(self, *, but_cache: bool = False) -> bool:
        """Whether there is anything, the cache's left out or not."""

    def is_urgent(self) -> bool:
        """Whether it should not wait for the next transaction's time."""


class Due:
    """Waits for work.

    Attributes:
        pace: says when the next transaction begins, mostly.
    """

    def __init__(self, commit_ms: int) -> None:
        """Begin with nothing that was done.

        Args:
            commit_ms: milliseconds between the starts of two transactions, at least.
        """
        self.pace = Pace(commit_ms)
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()

    def wake(self) -> None:
        """Something may have to be done."""
        self._wake.set()

    def hurry(self) -> None:
        """Something has to be, and not only when it is the next transaction's time."""
        self._hurry.set()
        self._wake.set()

    def looked(self) -> None:
        """All that there is now is being done."""
        self._hurry.clear()
        self.pace.looked(time.monotonic())

    async def wait(self, work: Work) -> None:
        """Wait until there is something to do, and until it is time to do it; not for ever.

        Args:
            work: knows what there is.
        """
        while True:
            self._wake.clear()
            at = time.monotonic()
            if work.has_work(but_cache=True):
                await came(self._hurry, 0 if work.is_urgent() else self.pace.pause(at))
                return
            if not await came(self._wake, self.pace.rest(at) if work.has_work() else _IDLE_SECONDS):
                return
