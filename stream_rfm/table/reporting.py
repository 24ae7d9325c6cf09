"""What a partition still has to report: each start, tick and boundary once."""

from __future__ import annotations

from stream_rfm.model.version import Version
from stream_rfm.table.clock import Clock
from stream_rfm.table.report import Report
from stream_rfm.table.store import Store
from stream_rfm.table.view import summary

# A silence may pass many boundaries; so many of them are reported at once, while customers are few.
_FRAMES, _FRAMES_CUSTOMERS = 64, 2_000


class Reporting:
    """Knows what the merger was told of a partition, and says the rest."""

    def __init__(self, number: int, clock: Clock, rules: str) -> None:
        """Begin with nothing told.

        Args:
            number: of the partition.
            clock: which boundaries there are.
            rules: the fingerprint of the rules that it is scored by.
        """
        self._number = number
        self._clock = clock
        self._rules = rules
        self._started = False
        self._last = -1
        self._last_again = -1

    def start(self, start: int) -> Report | None:
        """Of the first boundary that the partition has part in."""
        if self._started:
            return None
        self._started = True
        return Report(self._number, start, (), self._rules)

    def tick(self, store: Store, version: Version, now: int, *, again: bool) -> Report | None:
        """Of the last instant at which customers were due to be scored, by the wall clock.

        Args:
            store: the customers.
            version: what they are scored with.
            now: the instant that it is.
            again: whether they have to be scored again since rules changed.
        """
        tick = self._clock.latest_tick(now, scored=not again and version.cuts is not None)
        if tick <= max(self._last, version.as_of):
            return None
        return self._of(store, version, range(tick, tick + 1), again=again)

    def again(self, store: Store, version: Version) -> Report | None:
        """Of the last version, by the rules that there are now."""
        if self._last_again == version.number:
            return None
        self._last_again = version.number
        return self._of(store, version, range(version.as_of, version.as_of + 1), again=True)

    def boundaries(self, store: Store, version: Version, closed: int) -> Report | None:
        """Of boundaries behind a version, through which the partition is closed."""
        first = version.as_of + self._clock.interval
        if first <= self._last:
            return None
        frames = _FRAMES if store.customers.count <= _FRAMES_CUSTOMERS else 1
        end = min(closed + 1, first + frames * self._clock.interval)
        return self._of(store, version, range(first, end, self._clock.interval), again=False)

    def _of(self, store: Store, version: Version, instants: range, *, again: bool) -> Report | None:
        if not instants:
            return None
        self._last = instants[-1]
        frames = tuple((as_of, summary(store, as_of)) for as_of in instants)
        return Report(self._number, None, frames, self._rules, again=again, after=version.number)
