"""When the next transaction begins: soon enough for its orders, and late enough for what a commit costs.

A commit costs the worker and the broker something for every partition that it touches, whatever is in it. So
the more it is seen to take, the more is gathered for the next one. An order that comes to a worker that has
been idle for as long is committed at once.
"""

from __future__ import annotations

# Commits take no more than one part in so many of the time.
_PARTS = 3
# Between two transactions, however long commits take: an order waits for that and for two commits, and half a
# second is what all may take.
_MOST_SECONDS = 0.2
# One slow commit says little.
_WEIGHT = 0.1
_MANY = 1_000


class Pace:
    """Knows when the last transaction began, and what commits have taken lately."""

    def __init__(self, commit_ms: int) -> None:
        """Begin without any.

        Args:
            commit_ms: milliseconds between the starts of two transactions, at least.
        """
        self._least = commit_ms / 1000
        self._commit = 0.0
        self._began = self._looked = float("-inf")

    @property
    def interval(self) -> float:
        """Seconds between the starts of two transactions."""
        return max(self._least, min(_MOST_SECONDS, _PARTS * self._commit))

    def looked(self, at: float) -> None:
        """Note when it was looked for work, in seconds of a clock that is never set."""
        self._looked = at

    def committed(self, seconds: float, transitions: int) -> None:
        """Note that what was found when it was last looked was committed.

        Args:
            seconds: that it took.
            transitions: that were among it; those of a rescoring take long, and say nothing of what any
                transaction takes.
        """
        self._began = self._looked
        if transitions < _MANY:
            self._commit += (seconds - self._commit) * (_WEIGHT if self._commit else 1.0)

    def pause(self, at: float) -> float:
        """How many seconds to wait before a transaction; nothing, or less, where it is time."""
        return self._began + self.interval - at

    def rest(self, at: float) -> float:
        """The same where nothing is to be committed, and there is something else to look after."""
        return self._looked + self._least - at
