"""Whether the last fault still met work: seen when it begins, as putting it right may take for long."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from kafka.errors import KafkaError

# The broker may be hit by another fault just then.
_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.5


class LastFault:
    """What there was to do when the last fault began.

    Args:
        feed: the process that sends the orders.
        uncounted: says how many orders the workers have not counted yet.
    """

    def __init__(self, feed: subprocess.Popen[bytes], uncounted: Callable[[], int]) -> None:
        self._feed = feed
        self._uncounted = uncounted
        #: Whether orders were still being sent.
        self.met_work = False
        self._left: Future[int] | None = None

    def begins(self) -> None:
        """Look; the fault does not wait for what the broker says."""
        self.met_work = self._feed.poll() is None
        with_broker = ThreadPoolExecutor(1)
        self._left = with_broker.submit(self._asked)
        with_broker.shutdown(wait=False)

    @property
    def orders_left(self) -> int:
        """How many orders were uncounted, by the first answer; -1 where there was none.

        It may well be none: orders come at their pace, and workers may have kept up with it.
        """
        return -1 if self._left is None else self._left.result()

    def _asked(self) -> int:
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < give_up:
            try:
                return self._uncounted()
            except KafkaError:
                time.sleep(_PAUSE_SECONDS)
        return -1
