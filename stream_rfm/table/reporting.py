"""What a partition still has to report: each start, tick and boundary once."""

from __future__ import annotations

from collections.abc import Iterable

from stream_rfm.model.version import Summary, Version
from stream_rfm.table.clock import Clock
from stream_rfm.table.report import Report
from stream_rfm.table.store import Store
from stream_rfm.table.summarizing import Summarizing

# A silence may pass many boundaries; so many of them are reported at once, while customers are few.
_FRAMES, _FRAMES_CUSTOMERS = 64, 2_000
# Where the last version was of so many times the customers up to which all values are kept, the next is made
# of sketches anyway.
_SURELY_A_SKETCH = 2

# Of so many customers of a partition a report holds all values, in up to 20 bytes each: its topic takes
# 16 MiB.
_MOST_EXACT = 500_000


class Draft:
    """A report in the making."""

    def __init__(self, report: Report, store: Store, instants: Iterable[int], exact_up_to: int) -> None:
        """Begin.

        Args:
            report: what it is to say, but for its frames.
            store: the customers.
            instants: of the frames, ascending.
            exact_up_to: customers up to which every value is reported.
        """
        self._report = report
        self._ahead = [Summarizing(store, as_of, exact_up_to) for as_of in instants]
        self._frames: list[tuple[int, Summary]] = []

    def step(self, rows: int) -> Report | None:
        """Look at the next so many rows of customers; gives the report once there is nothing more to do."""
        while self._ahead:
            summary = self._ahead[0].step(rows)
            if summary is None:
                return None
            self._frames.append((self._ahead.pop(0).as_of, summary))
        said = self._report
        return Report(
            said.partition, said.start, tuple(self._frames), said.rules, again=said.again, after=said.after
        )


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

    def told(self, report: Report) -> None:
        """A report was made, and none of its instants is due any more."""
        self._started = self._started or report.start is not None
        if report.frames:
            self._last = report.frames[-1][0]
        if report.again:
            self._last_again = report.after

    def start(self, store: Store, start: int) -> Draft | None:
        """Of the first boundary that the partition has part in."""
        return None if self._started else Draft(Report(self._number, start, (), self._rules), store, (), 0)

    def tick(self, store: Store, version: Version, now: int, *, again: bool) -> Draft | None:
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

    def again(self, store: Store, version: Version) -> Draft | None:
        """Of the last version, by the rules that there are now."""
        if self._last_again == version.number:
            return None
        return self._of(store, version, range(version.as_of, version.as_of + 1), again=True)

    def boundaries(self, store: Store, version: Version, closed: int) -> Draft | None:
        """Of boundaries behind a version, through which the partition is closed."""
        first = version.as_of + self._clock.interval
        if first <= self._last:
            return None
        frames = _FRAMES if store.customers.count <= _FRAMES_CUSTOMERS else 1
        end = min(closed + 1, first + frames * self._clock.interval)
        return self._of(store, version, range(first, end, self._clock.interval), again=False)

    def _of(self, store: Store, version: Version, instants: range, *, again: bool) -> Draft | None:
        if not instants:
            return None
        exact_up_to = min(store.rules.exact_up_to, _MOST_EXACT)
        if not self._clock.waits and version.population > _SURELY_A_SKETCH * exact_up_to:
            exact_up_to = 0
        report = Report(self._number, None, (), self._rules, again=again, after=version.number)
        return Draft(report, store, instants, exact_up_to)
