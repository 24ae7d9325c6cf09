"""Count some events of a batch together, each scored as if it had come alone."""

from __future__ import annotations

import numpy as np

from stream_rfm.model import money
from stream_rfm.model.arrays import Column, Ints
from stream_rfm.model.order import Kind
from stream_rfm.model.profile import FOR_EVER
from stream_rfm.model.transition import Cause
from stream_rfm.model.version import Version
from stream_rfm.table import settling
from stream_rfm.table.admission import Admission, Orders, admit
from stream_rfm.table.batch import Batch
from stream_rfm.table.customer_row import NEVER, NO_SEGMENT
from stream_rfm.table.groups import Groups, stable_order
from stream_rfm.table.judgement import Settled, judge
from stream_rfm.table.left import NOTHING_LEFT, Left
from stream_rfm.table.moves import CAUSE
from stream_rfm.table.remembering import remember
from stream_rfm.table.store import Changes, Store
from stream_rfm.table.take_back import cancel, erase

_REFUND = int(Kind.REFUND)
_NONE = np.empty(0, np.int64)
_CAUSE_OF_KIND = np.zeros(len(Kind), np.uint8)
_CAUSE_OF_KIND[Kind.ORDER] = _CAUSE_OF_KIND[Kind.ENQUIRY] = CAUSE[Cause.ORDER]
_CAUSE_OF_KIND[Kind.REFUND] = CAUSE[Cause.REFUND]
_CAUSE_OF_KIND[Kind.CANCEL] = CAUSE[Cause.CANCEL]


class Counting:
    """What some events of a batch change, one lot after the other."""

    def __init__(self, store: Store, batch: Batch, as_of: Ints, version: Version, rows: Ints) -> None:
        """Begin with a batch.

        Args:
            store: the customers; changed in place.
            batch: events of customers, in the order of the topic.
            as_of: for each event the instant that its customer is scored as of; never going back.
            version: the cut points to score with.
            rows: for each event the row of its customer; −1 for strangers that are erased.
        """
        self._store = store
        self._batch = batch
        self._as_of = as_of
        self._version = version
        self._rows = rows
        retention = store.rules.retention
        remembered = np.full(len(batch), FOR_EVER) if retention is None else as_of - retention
        self._since = np.maximum(remembered, store.forgotten)
        #: All that was changed so far.
        self.changes = Changes()

    def count(self, where: Ints) -> Ints:
        """Count the purchases, refunds and enquiries at some places, ascending.

        Returns:
            Places of events that keep the others from being counted together; then none was counted.
        """
        kind = self._batch.kind[where]
        is_order = kind <= _REFUND
        orders = where[is_order]
        admission = self._admit(orders)
        odd = np.concatenate([orders[admission.again], self._too_large(where)])
        if len(odd):
            return odd
        self._tally(admission)
        admitted = np.ones(len(where), bool)
        admitted[is_order] = admission.counts
        if len(admission.superseded):
            self._store.entries.supersede(admission.superseded)
        if self._is_plain(where):
            self._in_turn(where[admitted])
            return odd
        # An enquiry says that somebody exists; it is news only where nothing else was known before.
        asks, rows = ~is_order, self._rows[where]
        admitted[asks] = self._store.customers.segment[rows[asks]] == NO_SEGMENT
        by_row = np.flatnonzero(admitted)[stable_order(rows[admitted])]
        first = Groups(rows[by_row]).first
        by_row = by_row[first | (kind[by_row] != Kind.ENQUIRY)]
        if len(by_row):
            self._score(where[by_row])
        return odd

    def cancel(self, place: int) -> None:
        """Count the cancel at a place, behind all that came before it."""
        where = np.array([place])
        # What has left the window by now is not the cancel's to take.
        groups = Groups(self._rows[where])
        left = self._leaving(where, groups)
        order, at, row = self._batch.order[where], int(self._batch.at[place]), int(self._rows[place])
        taken = cancel(self._store, row, order, at, self._since[where], left.positions)
        if taken is None:
            self.changes.tallies["duplicate"] += 1
        else:
            self._settle(where, groups, -taken.orders, -taken.money, taken.last, left)

    def erase(self, place: int, row: int) -> None:
        """Forget a customer, as the event at a place says."""
        as_of = int(self._as_of[place])
        self.changes.add(erase(self._store, row, as_of, self._version, self._batch, place))

    def _is_plain(self, where: Ints) -> bool:
        """Whether events can be counted in turn: as long as nothing leaves the window of their customers."""
        store, window = self._store, self._store.rules.window
        if store.former is not None or not settling.is_compiled():
            return False
        if window is None:
            return True
        first, last = int(self._as_of[where[0]]), int(self._as_of[where[-1]])
        if first < last and int(self._batch.at[where].min()) <= last - window:
            # One of the events themselves may leave before another one is scored.
            return False
        positions = store.entries.leaving(last - window)
        return not (len(positions) and np.isin(store.entries.row[positions], self._rows[where]).any())

    def _in_turn(self, where: Ints) -> None:
        """Put admitted events into the entries and the columns, one after the other."""
        inside = remember(self._store, self._batch, self._rows, where, self._as_of, self._since)
        self.changes.add(
            settling.settle(self._store, self._version, self._batch, self._rows, self._as_of, where, inside)
        )

    def _admit(self, where: Ints) -> Admission:
        b = self._batch
        orders = Orders(
            kind=b.kind[where],
            at=b.at[where],
            key=b.key[where],
            order=b.order[where],
            row=self._rows[where],
            since=self._since[where],
        )
        any_cancels = self._store.cancels > 0
        return admit(self._store.entries, orders, self._store.rules.dedupe, any_cancels=any_cancels)

    def _tally(self, admission: Admission) -> None:
        self.changes.tallies["duplicate"] += int(admission.duplicate.sum())
        self.changes.tallies["void"] += int(admission.void.sum())

    def _too_large(self, where: Ints) -> Ints:
        """Places of events of customers whose money might leave 64 bits."""
        if settling.is_compiled() and settling.fits(self._store, self._batch, self._rows, where):
            return _NONE
        c, rows = self._store.customers, self._rows[where]
        largest = np.maximum(np.abs(c.monetary[rows]), np.abs(c.lifetime_monetary[rows])).astype(np.float64)
        together = self._batch.amount[where].astype(np.float64).sum()
        return where[largest + together > money.LARGEST_SUM]

    def _score(self, where: Ints) -> None:
        """Put the admitted events at these places, sorted by row, into the columns."""
        b, c = self._batch, self._store.customers
        rows, is_order = self._rows[where], b.kind[where] == Kind.ORDER
        signed = np.where(is_order, b.amount[where], -b.amount[where])
        groups = Groups(rows)
        c.lifetime_orders[groups.rows] += groups.sum(is_order)
        c.lifetime_monetary[groups.rows] += groups.sum(signed)
        in_order = stable_order(where)
        inside = np.empty(len(where), bool)
        inside[in_order] = remember(self._store, b, self._rows, where[in_order], self._as_of, self._since)
        self._settle(
            where,
            groups,
            (is_order & inside).astype(np.int64),
            np.where(inside, signed, 0),
            groups.running_max(np.where(is_order, b.at[where], NEVER), c.last[groups.rows]),
            self._leaving(where, groups),
        )

    def _settle(
        self, where: Ints, groups: Groups, orders: Ints, amounts: Ints, last: Ints, left: Left
    ) -> None:
        """Score the customers of events, sorted by row, after each of them.

        Args:
            where: places of the events.
            groups: of their customers.
            orders: how many purchases each adds to the window.
            amounts: how many millionths each adds to the window.
            last: the last purchase after each.
            left: what leaves the window before one of them is scored.
        """
        b, c = self._batch, self._store.customers
        frequency, monetary = orders, amounts
        if len(left.positions):
            self._store.entries.leave(left.positions)
            frequency, monetary = orders.copy(), amounts.copy()
            np.subtract.at(frequency, left.place, left.orders)
            np.subtract.at(monetary, left.place, left.money)
        settled = Settled(
            groups=groups,
            last=last,
            frequency=groups.running_sum(frequency, c.frequency[groups.rows].astype(np.int64)),
            monetary=groups.running_sum(monetary, c.monetary[groups.rows]),
            orders=orders,
            amounts=amounts,
            as_of=self._as_of[where],
            cause=self._cause(where),
            place=where,
        )
        self.changes.add(judge(self._store, self._version, settled, b))

    def _cause(self, where: Ints) -> Column:
        late = self._batch.at[where] < self._as_of[where] - self._store.rules.backfill
        self.changes.tallies["late"] += int(late.sum())
        return np.where(late, CAUSE[Cause.BACKFILL], _CAUSE_OF_KIND[self._batch.kind[where]]).astype(np.uint8)

    def _leaving(self, where: Ints, groups: Groups) -> Left:
        """What leaves the window of these customers before each of their events is scored."""
        window = self._store.rules.window
        if window is None:
            return NOTHING_LEFT
        return Left.before(self._store.entries, window, self._as_of, where, groups)
