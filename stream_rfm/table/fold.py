"""Count events: a batch of them at once, each scored as if it had come alone.

Purchases, refunds and enquiries of all customers go through together. Customers with a cancel, an erase or an
oddity in the batch are taken in order, what lies between two cancels together, by the same code.
"""

from __future__ import annotations

import numpy as np

from stream_rfm.model import money
from stream_rfm.model.arrays import Bools, Column, Ints
from stream_rfm.model.order import Kind, Reason
from stream_rfm.model.profile import FOR_EVER
from stream_rfm.model.transition import Cause
from stream_rfm.model.version import Version
from stream_rfm.table import plain, settling
from stream_rfm.table.admission import Admission, Orders, admit
from stream_rfm.table.batch import Batch
from stream_rfm.table.customers import NEVER, NO_SEGMENT
from stream_rfm.table.groups import Groups, pairs_once, stable_order
from stream_rfm.table.judgement import Settled, judge
from stream_rfm.table.moves import CAUSE
from stream_rfm.table.remembering import remember
from stream_rfm.table.store import Changes, Store
from stream_rfm.table.take_back import NOTHING_LEFT, Left, cancel, erase

_REFUND, _CANCEL, _ERASE = int(Kind.REFUND), int(Kind.CANCEL), int(Kind.ERASE)
_NONE = np.empty(0, np.int64)
_CAUSE_OF_KIND = np.zeros(len(Kind), np.uint8)
_CAUSE_OF_KIND[Kind.ORDER] = _CAUSE_OF_KIND[Kind.ENQUIRY] = CAUSE[Cause.ORDER]
_CAUSE_OF_KIND[Kind.REFUND] = CAUSE[Cause.REFUND]
_CAUSE_OF_KIND[Kind.CANCEL] = CAUSE[Cause.CANCEL]


def fold(store: Store, batch: Batch, as_of: Ints, version: Version) -> Changes:
    """Count a batch.

    Args:
        store: the customers; changed in place.
        batch: events of customers, without heartbeats, in the order of the topic.
        as_of: for each event the instant that its customer is scored as of; never going back.
        version: the cut points to score with.
    """
    changes = plain.count(store, batch, as_of, version)
    return _Fold(store, batch, as_of, version).run() if changes is None else changes


class _Fold:
    def __init__(self, store: Store, batch: Batch, as_of: Ints, version: Version) -> None:
        self.store = store
        self.batch = batch
        self.as_of = as_of
        self.version = version
        retention = store.rules.retention
        remembered = np.full(len(batch), FOR_EVER) if retention is None else as_of - retention
        self.since = np.maximum(remembered, store.forgotten)
        self.changes = Changes()
        self.rows = self._rows_at(np.arange(len(batch)))

    def run(self) -> Changes:
        one_by_one = self._takes_back()
        while True:
            together = np.flatnonzero(~one_by_one)
            odd = self._count(together) if len(together) else together
            if not len(odd):
                break
            one_by_one |= np.isin(self.rows, self.rows[odd])
        for stretch in self._stretches(np.flatnonzero(one_by_one)):
            self._count_in_order(stretch)
        return self.changes

    def _stretches(self, places: Ints) -> list[Ints]:
        """Places in their order: each cancel or erase alone, and together what comes between two."""
        if not len(places):
            return []
        back = np.isin(self.batch.kind[places], (Kind.CANCEL, Kind.ERASE))
        begins = np.flatnonzero(back[1:] | back[:-1]) + 1
        return np.split(places, begins)

    def _count_in_order(self, stretch: Ints) -> None:
        """Count a stretch: a customer with thousands of orders and a few cancels takes hardly longer."""
        if len(stretch) > 1:
            # Who was erased before it is another customer by now.
            self.rows[stretch] = self._rows_at(stretch)
            if not len(self._count(stretch)):
                return
        for place in stretch.tolist():
            self._one(place)

    def _rows_at(self, where: Ints) -> Ints:
        """The rows of some events' customers; strangers get one, unless all that comes is an erase."""
        digest = self.batch.digest[where]
        rows = self.store.customers.find(digest)
        unknown = np.flatnonzero((rows < 0) & (self.batch.kind[where] != _ERASE))
        if len(unknown):
            digests = digest[unknown]
            first, which = pairs_once(digests)
            # Rows in the order of arrival.
            order = np.argsort(first)
            first = first[order]
            added = self.store.customers.add(digests[first], self.batch.ids_at(where[unknown[first]]))
            rows[unknown[first]] = added
            rows[unknown] = rows[unknown[first[np.argsort(order)[which]]]]
            self.store.touch(added)
            still = np.flatnonzero(rows < 0)
            if len(still):
                rows[still] = self.store.customers.find(digest[still])
        return rows

    def _takes_back(self) -> Bools:
        """The events of customers that have a cancel or an erase among them, and of strangers erased."""
        kinds = self.batch.kind
        back = (kinds == _CANCEL) | (kinds == _ERASE)
        return np.isin(self.rows, self.rows[back]) | back if back.any() else back

    def _one(self, place: int) -> None:
        """Count one event, behind all that came before it."""
        store, kind = self.store, self.batch.kind[place]
        digest = self.batch.digest[place : place + 1]
        row = int(store.customers.find(digest)[0])
        if kind == Kind.ERASE:
            if row >= 0:
                self.changes.add(erase(store, row, int(self.as_of[place]), self.version, self.batch, place))
            return
        if row < 0:
            row = int(store.customers.add(digest, [self.batch.ids[place]])[0])
            store.touch(np.array([row]))
        self.rows[place] = row
        where = np.array([place])
        if kind != Kind.CANCEL:
            if len(self._count(where)):
                self.changes.rejected.append((place, Reason.SUM_TOO_LARGE))
            return
        # What has left the window by now is not the cancel's to take.
        groups = Groups(self.rows[where])
        left = self._leaving(where, groups)
        order, at = self.batch.order[where], int(self.batch.at[place])
        taken = cancel(store, row, order, at, self.since[where], left.positions)
        if taken is None:
            self.changes.tallies["duplicate"] += 1
        else:
            self._settle(where, groups, -taken.orders, -taken.money, taken.last, left)

    def _count(self, where: Ints) -> Ints:
        """Count the events at some places, each as if alone.

        Returns:
            Places of events that keep the others from being counted together; then none was counted.
        """
        kind = self.batch.kind[where]
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
            self.store.entries.supersede(admission.superseded)
        if self._is_plain(where):
            self._in_turn(where[admitted])
            return odd
        # An enquiry says that somebody exists; it is news only where nothing else was known before.
        asks, rows = ~is_order, self.rows[where]
        admitted[asks] = self.store.customers.segment[rows[asks]] == NO_SEGMENT
        by_row = np.flatnonzero(admitted)[stable_order(rows[admitted])]
        first = Groups(rows[by_row]).first
        by_row = by_row[first | (kind[by_row] != Kind.ENQUIRY)]
        if len(by_row):
            self._score(where[by_row])
        return odd

    def _is_plain(self, where: Ints) -> bool:
        """Whether events can be counted in turn: as long as nothing leaves the window of their customers."""
        store, window = self.store, self.store.rules.window
        if store.former is not None or not settling.is_compiled():
            return False
        if window is None:
            return True
        first, last = int(self.as_of[where[0]]), int(self.as_of[where[-1]])
        if first < last and int(self.batch.at[where].min()) <= last - window:
            # One of the events themselves may leave before another one is scored.
            return False
        positions = store.entries.leaving(last - window)
        return not (len(positions) and np.isin(store.entries.row[positions], self.rows[where]).any())

    def _in_turn(self, where: Ints) -> None:
        """Put admitted events into the entries and the columns, one after the other."""
        inside = remember(self.store, self.batch, self.rows, where, self.as_of, self.since)
        self.changes.add(
            settling.settle(self.store, self.version, self.batch, self.rows, self.as_of, where, inside)
        )

    def _admit(self, where: Ints) -> Admission:
        b = self.batch
        orders = Orders(
            kind=b.kind[where],
            at=b.at[where],
            key=b.key[where],
            order=b.order[where],
            row=self.rows[where],
            since=self.since[where],
        )
        any_cancels = self.store.cancels > 0
        return admit(self.store.entries, orders, self.store.rules.dedupe, any_cancels=any_cancels)

    def _tally(self, admission: Admission) -> None:
        self.changes.tallies["duplicate"] += int(admission.duplicate.sum())
        self.changes.tallies["void"] += int(admission.void.sum())

    def _too_large(self, where: Ints) -> Ints:
        """Places of events of customers whose money might leave 64 bits."""
        if settling.is_compiled() and settling.fits(self.store, self.batch, self.rows, where):
            return _NONE
        c, rows = self.store.customers, self.rows[where]
        largest = np.maximum(np.abs(c.monetary[rows]), np.abs(c.lifetime_monetary[rows])).astype(np.float64)
        together = self.batch.amount[where].astype(np.float64).sum()
        return where[largest + together > money.LARGEST_SUM]

    def _score(self, where: Ints) -> None:
        """Put the admitted events at these places, sorted by row, into the columns."""
        b, c = self.batch, self.store.customers
        rows, is_order = self.rows[where], b.kind[where] == Kind.ORDER
        signed = np.where(is_order, b.amount[where], -b.amount[where])
        groups = Groups(rows)
        c.lifetime_orders[groups.rows] += groups.sum(is_order)
        c.lifetime_monetary[groups.rows] += groups.sum(signed)
        in_order = stable_order(where)
        inside = np.empty(len(where), bool)
        inside[in_order] = remember(self.store, b, self.rows, where[in_order], self.as_of, self.since)
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
        b, c = self.batch, self.store.customers
        frequency, monetary = orders, amounts
        if len(left.positions):
            self.store.entries.leave(left.positions)
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
            as_of=self.as_of[where],
            cause=self._cause(where),
            place=where,
        )
        self.changes.add(judge(self.store, self.version, settled, b))

    def _cause(self, where: Ints) -> Column:
        late = self.batch.at[where] < self.as_of[where] - self.store.rules.backfill
        self.changes.tallies["late"] += int(late.sum())
        return np.where(late, CAUSE[Cause.BACKFILL], _CAUSE_OF_KIND[self.batch.kind[where]]).astype(np.uint8)

    def _leaving(self, where: Ints, groups: Groups) -> Left:
        """What leaves the window of these customers before each of their events is scored."""
        window = self.store.rules.window
        if window is None:
            return NOTHING_LEFT
        entries = self.store.entries
        positions = entries.leaving(int(self.as_of[where].max()) - window)
        if not len(positions):
            return NOTHING_LEFT
        group = np.searchsorted(groups.rows, entries.row[positions])
        touched = groups.rows[np.minimum(group, len(groups.rows) - 1)] == entries.row[positions]
        positions, group = positions[touched], group[touched]
        # The first event in the whole batch late enough, then the first one of the customer from there on.
        moment = np.searchsorted(self.as_of, entries.at[positions] + window)
        size = len(self.batch) + 1
        place = np.searchsorted(groups.number * size + where, group * size + moment)
        late = place < len(where)
        late[late] = groups.number[place[late]] == group[late]
        return Left.of(entries, positions[late], place[late])
