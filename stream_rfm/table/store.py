"""The state of one partition's customers, and what has to be written of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from stream_rfm.model.arrays import Hashes, Ints
from stream_rfm.model.order import Kind, Reason
from stream_rfm.model.rules import Rules
from stream_rfm.table.customer_row import NEVER
from stream_rfm.table.customers import Customers
from stream_rfm.table.entries import Entries
from stream_rfm.table.evaluation import Evaluator
from stream_rfm.table.former import Former
from stream_rfm.table.groups import distinct
from stream_rfm.table.moves import Moves, Standings


@dataclass(slots=True)
class Changes:
    """What a step has done.

    Attributes:
        moves: changes of segment, in order.
        changed: rows whose code or segment changed; a row may stand there twice.
        erased: ids of the customers that were erased.
        rejected: places in the batch of events that cannot count, with the reason.
        tallies: events by what became of them, for metrics.
    """

    moves: list[Moves] = field(default_factory=list)
    changed: list[Ints] = field(default_factory=list)
    erased: list[bytes] = field(default_factory=list)
    rejected: list[tuple[int, Reason]] = field(default_factory=list)
    tallies: Counter[str] = field(default_factory=Counter)
    _once: Ints | None = None

    def add(self, other: Changes) -> None:
        """Put what another step has done behind this one's."""
        self.moves += other.moves
        self.changed += other.changed
        self.erased += other.erased
        self.rejected += other.rejected
        # Not added: that would look through all of them for those that are none.
        self.tallies.update(other.tallies)

    def rows(self) -> Ints:
        """The rows whose code or segment changed, each once, ascending."""
        if not self.changed:
            return np.empty(0, np.int64)
        if self._once is None or len(self.changed) > 1:
            # It is asked for what is published as well as for what the cache is told.
            self._once = distinct(np.concatenate(self.changed))
            self.changed = [self._once]
        return self._once


class Store:
    """Customers and entries, and which of them the changelog does not know yet."""

    def __init__(
        self, rules: Rules, customers: Customers | None = None, entries: Entries | None = None
    ) -> None:
        self.rules = rules
        self.customers = customers or Customers()
        self.entries = entries or Entries()
        self.evaluator = Evaluator(rules)
        #: An instant: what happened until then was forgotten by former rules, though it may still be here.
        self.forgotten = NEVER
        #: How customers stand that were not scored yet since the rules changed.
        self.former: Former | None = None
        #: How many cancels the entries hold; while there is none, nothing can be void.
        self.cancels = 0
        self._touched: list[Ints] = []
        self._refunds: list[tuple[int, int]] = []

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return self.customers.nbytes + self.entries.nbytes

    def touch(self, rows: Ints) -> None:
        """Note rows that have to be written to the changelog."""
        if len(rows):
            self._touched.append(rows)

    def take_touched(self) -> Ints:
        """The rows to be written, each once, ascending; after that there are none."""
        rows = distinct(np.concatenate(self._touched)) if self._touched else np.empty(0, np.int64)
        self._touched = []
        return rows

    def leave(self, positions: Ints) -> None:
        """Take entries out of the window and out of their customers' totals."""
        rows = self.entries.row[positions]
        np.subtract.at(self.customers.frequency, rows, self.entries.kind[positions] == Kind.ORDER)
        np.subtract.at(self.customers.monetary, rows, self.entries.amount[positions])
        self.entries.leave(positions)

    def forget(self, until: int) -> None:
        """Take what former rules forgot, up to an instant, for forgotten: all-time totals still know it."""
        self.forgotten = max(self.forgotten, until)
        positions = self.entries.leaving(self.forgotten)
        if self.rules.window is None:
            self.entries.leave(positions)
        else:
            self.leave(positions)

    def note_refunds(self, positions: Ints, orders: Hashes) -> None:
        """Note which orders the refunds at some positions are of, where their own ids do not say so."""
        for position, order in zip(positions.tolist(), orders.tolist(), strict=True):
            number = self.entries.first + position
            self.entries.refunds_of.setdefault(order, []).append(number)
            self._refunds.append((number, order))

    def take_refunds(self) -> list[tuple[int, int]]:
        """The refunds noted since the last time: sequence number and hash of the order."""
        noted, self._refunds = self._refunds, []
        return noted

    def standings(self, rows: Ints) -> Standings:
        """How customers stand, as of when each was last scored and by the rules of then."""
        c, former = self.customers, self.former
        frequency, monetary = c.frequency[rows], c.monetary[rows]
        if former is not None:
            theirs = former.is_former(c.segment[rows])
            frequency = np.where(theirs, former.frequency[rows], frequency)
            monetary = np.where(theirs, former.monetary[rows], monetary)
        return Standings(
            r=c.r[rows],
            f=c.f[rows],
            m=c.m[rows],
            segment=c.segment[rows],
            last=c.last[rows],
            frequency=frequency,
            monetary=monetary,
            as_of=c.scored_at[rows],
        )
