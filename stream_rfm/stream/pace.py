"""When the next transaction begins: soon enough for its orders, and late enough for what a commit costs.

A commit costs the worker and the broker something for every partition that it touches, whatever is in it. So
the more it is seen to take, the more is gathered for the next one. What counts is the quickest of the last
commits: the others took longer because more was gathered, and to gather more for that would go round and
round. To count and write anything of a partition also takes a millisecond before, so that of many partitions
more is gathered as well. An order that comes to a worker that has been idle for as long is committed at once.
"""

from __future__ import annotations

from collections import deque

# Commits take no more than one part in so many of the time.
_PARTS = 2
# Between two transactions, however long commits take: an order waits for that and for two commits, and half a
# second is what all may take.
_MOST_SECONDS = 0.2
# So many commits are the last ones.
_LAST = 20
# For each partition that a transaction touches: some three times what it takes the worker.
_SECONDS_EACH = 0.003


class Pace:
    """Knows when the last transaction began, and what commits have taken lately."""

    def __init__(self, commit_ms: int) -> None:
        """Begin without any.

        Args:
            commit_ms: milliseconds between the starts of two transactions, at least.
        """
        self._least = commit_ms / 1000
        self._commits: deque[float] = deque(maxlen=_LAST)
        self._touched = 0
        self._began = self._looked = float("-inf")

    @property
    def interval(self) -> float:
        """Seconds between the starts of two transactions."""
        commits = _PARTS * min(self._commits, default=0.0)
        return max(self._least, min(_MOST_SECONDS, max(commits, _SECONDS_EACH * self._touched)))

    def looked(self, at: float) -> None:
        """Note when it was looked for work, in seconds of a clock that is never set."""
        self._looked = at

    def committed(self, seconds: float, partitions: int) -> None:
        """Note that what was found when it was last looked was committed.

        Args:
            seconds: how long that took.
            partitions: how many it touched.
        """
        self._began = self._looked
        self._commits.append(seconds)
        self._touched = partitions

    def pause(self, at: float) -> float:
        """How many seconds to wait before a transaction; nothing, or less, where it is time."""
        return self._began + self.interval - at

    def rest(self, at: float) -> float:
        """The same where nothing is to be committed, and there is something else to look after."""
        return self._looked + self._least - at
