"""A store driven batch by batch beside the oracle that says what must come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from driver import transitions_of
from events import DAY, START, UNIT, batch_of
from hypothesis import strategies as st
from oracle import Oracle, by_customer

from stream_rfm.model.grid import load
from stream_rfm.model.order import OrderEvent
from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table.fold import fold
from stream_rfm.table.rescoring import Rescoring
from stream_rfm.table.store import Changes, Store
from stream_rfm.table.view import view

GRID = load("three-level")
#: Days, purchases, units of money.
CUTS = tuple(
    CutPoints.at([Fraction(n) * unit for n in numbers])
    for numbers, unit in (((5, 10), DAY), ((1, 2), 1), ((30, 60), UNIT))
)
SCORED = Version(1, START, 9, CUTS)
UNSCORED = Version(1, START)


def ruled(window: int | None, dedupe: int) -> Rules:
    return Rules(GRID, window=window, dedupe=dedupe)


rules = st.builds(
    ruled,
    window=st.sampled_from([10 * DAY, None, DAY // 2, 3 * DAY]),
    dedupe=st.sampled_from([2 * DAY, 0, 7 * DAY, 20 * DAY]),
)
versions = st.sampled_from([SCORED, UNSCORED])
sizes = st.lists(st.integers(1, 9) | st.just(60), min_size=1, max_size=4)


@dataclass
class Scorer:
    """A store, the version that it is scored with, and everything that it has said."""

    rules: Rules
    version: Version = SCORED
    clock: int = 0
    changes: Changes = field(default_factory=Changes)

    def __post_init__(self) -> None:
        self.store = Store(self.rules)

    def count(self, events: Sequence[OrderEvent]) -> Changes:
        """One batch; a customer is scored as of the highest time seen so far."""
        clock = np.maximum.accumulate([max(self.clock, event.at) for event in events])
        self.clock = int(clock[-1])
        changes = fold(self.store, batch_of(events), clock, self.version)
        self.changes.add(changes)
        return changes

    def rescore(self, after: int = 0, rows: int = 3) -> Changes:
        """With the same cut points as of the clock, or as of a while later."""
        self.clock += after
        new = Version(self.version.number + 1, self.clock, 9, CUTS)
        rescoring, changes = Rescoring(self.store, self.version, new), Changes()
        while not rescoring.done:
            changes.add(rescoring.step(rows))
        self.version = new
        self.changes.add(changes)
        return changes

    def transitions(self) -> list:
        return transitions_of(self.changes, self.rules)

    def values(self) -> dict[str, tuple[int | None, int, int]]:
        """Each customer's age of the last purchase, frequency and money as of the clock."""
        seen = view(self.store, self.clock)
        ids = self.store.customers.ids_of(seen.rows)
        columns = (seen.last.tolist(), seen.frequency.tolist(), seen.monetary.tolist())
        return {
            customer.decode(): (None if last < 0 else max(0, self.clock - last), frequency, monetary)
            for customer, last, frequency, monetary in zip(ids, *columns, strict=True)
        }

    def segments(self) -> dict[str, str]:
        """Each customer's segment as of when it was last scored."""
        customers = self.store.customers
        names = self.rules.grid.names
        return {
            customers.id_of(row).decode(): names[customers.segment[row]]
            for row in np.flatnonzero(customers.is_somebody())
        }


def oracle_of(scorer: Scorer) -> Oracle:
    """An oracle that begins where a scorer does."""
    return Oracle(scorer.rules, scorer.version)


def count_alike(scorer: Scorer, oracle: Oracle, events: Sequence[OrderEvent]) -> None:
    """One batch for the scorer; for the oracle, one event after the other."""
    clock = scorer.clock
    scorer.count(events)
    for event in events:
        clock = max(clock, event.at)
        oracle.apply(event, clock)


def rescore_alike(scorer: Scorer, oracle: Oracle, after: int = 0) -> None:
    scorer.rescore(after)
    oracle.rescore(scorer.version)


def assert_alike(scorer: Scorer, oracle: Oracle) -> None:
    """The same transitions of every customer, and the same values."""
    assert not scorer.changes.rejected
    found, expected = by_customer(scorer.transitions()), by_customer(oracle.transitions)
    assert found.keys() == expected.keys()
    for customer, transitions in expected.items():
        assert found[customer] == transitions
    values = {
        customer: known.profile.values(scorer.clock, scorer.rules.window)
        for customer, known in oracle.customers.items()
    }
    assert scorer.values() == {
        customer: (of.recency, of.frequency, of.monetary) for customer, of in values.items()
    }
    tallies = scorer.changes.tallies
    assert tallies["duplicate"] + tallies["void"] == oracle.uncounted
