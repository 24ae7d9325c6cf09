"""Count events: a batch of them at once, each scored as if it had come alone.

Purchases, refunds and enquiries of all customers go through together. Customers with a cancel, an erase or an
oddity in the batch are taken in order, what lies between two cancels together, by the same code. A batch is
cut behind erases.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from stream_rfm.model.arrays import Bools, Column, Ints
from stream_rfm.model.order import Kind, Reason
from stream_rfm.model.version import Version
from stream_rfm.table import plain
from stream_rfm.table.batch import Batch
from stream_rfm.table.counting import Counting
from stream_rfm.table.groups import pairs_once
from stream_rfm.table.store import Changes, Store

_CANCEL, _ERASE = int(Kind.CANCEL), int(Kind.ERASE)


def fold(store: Store, batch: Batch, as_of: Ints, version: Version) -> Changes:
    """Count a batch.

    Args:
        store: the customers; changed in place.
        batch: events of customers, without heartbeats, in the order of the topic.
        as_of: for each event the instant that its customer is scored as of; never going back.
        version: the cut points to score with.
    """
    changes = plain.count(store, batch, as_of, version)
    if changes is not None:
        return changes
    erased = batch.kind == _ERASE
    # Revisions of strangers begin behind those of all that were erased before them, and before them only:
    # else what tells transitions apart would depend on who shares a batch with whom.
    cuts = np.flatnonzero(erased[:-1] & ~erased[1:]) + 1
    if not len(cuts):
        return _Fold(store, batch, as_of, version).run()
    changes = Changes()
    for low, high in pairwise([0, *cuts.tolist(), len(batch)]):
        part = fold(store, batch[low:high], as_of[low:high], version)
        part.rejected = [(low + place, reason) for place, reason in part.rejected]
        changes.add(part)
    return changes


class _Fold:
    """Which events of a batch are counted together, and in which order; behind an erase are only erases."""

    def __init__(self, store: Store, batch: Batch, as_of: Ints, version: Version) -> None:
        self._store = store
        self._batch = batch
        self._rows = _rows_of(store, batch)
        self._counting = Counting(store, batch, as_of, version, self._rows)

    def run(self) -> Changes:
        one_by_one = self._in_order()
        while True:
            together = np.flatnonzero(~one_by_one)
            odd = self._counting.count(together) if len(together) else together
            if not len(odd):
                break
            one_by_one |= np.isin(self._rows, self._rows[odd])
        for stretch in self._stretches(np.flatnonzero(one_by_one)):
            self._count_in_order(stretch)
        return self._counting.changes

    def _in_order(self) -> Bools:
        """The events of customers that have a cancel or an erase among them, and of strangers erased."""
        back = _take_back(self._batch.kind)
        return np.isin(self._rows, self._rows[back]) | back if back.any() else back

    def _stretches(self, places: Ints) -> list[Ints]:
        """Places in their order: each cancel or erase alone, and together what comes between two."""
        if not len(places):
            return []
        back = _take_back(self._batch.kind[places])
        begins = np.flatnonzero(back[1:] | back[:-1]) + 1
        return np.split(places, begins)

    def _count_in_order(self, stretch: Ints) -> None:
        """Count a stretch: a customer with thousands of orders and a few cancels takes hardly longer."""
        if len(stretch) > 1 and not len(self._counting.count(stretch)):
            return
        for place in stretch.tolist():
            self._one(place)

    def _one(self, place: int) -> None:
        """Count one event, behind all that came before it."""
        where, kind = np.array([place]), self._batch.kind[place]
        if kind == Kind.ERASE:
            # Who has been erased just before is nobody by now.
            row = int(self._store.customers.find(self._batch.digest[where])[0])
            if row >= 0:
                self._counting.erase(place, row)
        elif kind == Kind.CANCEL:
            self._counting.cancel(place)
        elif len(self._counting.count(where)):
            self._counting.changes.rejected.append((place, Reason.SUM_TOO_LARGE))


def _take_back(kind: Column) -> Bools:
    return (kind == _CANCEL) | (kind == _ERASE)


def _rows_of(store: Store, batch: Batch) -> Ints:
    """The rows of events' customers; strangers get one, unless all that comes is an erase."""
    digest = batch.digest
    rows = store.customers.find(digest)
    unknown = np.flatnonzero((rows < 0) & (batch.kind != _ERASE))
    if len(unknown):
        digests = digest[unknown]
        first, which = pairs_once(digests)
        # Rows in the order of arrival.
        order = np.argsort(first)
        first = first[order]
        added = store.customers.add(digests[first], batch.ids_at(unknown[first]))
        rows[unknown[first]] = added
        rows[unknown] = rows[unknown[first[np.argsort(order)[which]]]]
        store.touch(added)
        still = np.flatnonzero(rows < 0)
        if len(still):
            rows[still] = store.customers.find(digest[still])
    return rows
