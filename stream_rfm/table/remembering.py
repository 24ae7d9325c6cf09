"""Purchases and refunds into the entries, and which of them count inside the window."""

from __future__ import annotations

import numpy as np

from stream_rfm.model.arrays import Bools, Ints
from stream_rfm.model.order import Kind
from stream_rfm.table.batch import Batch
from stream_rfm.table.entries import INSIDE
from stream_rfm.table.store import Store

_ORDER, _REFUND = int(Kind.ORDER), int(Kind.REFUND)


def remember(store: Store, batch: Batch, rows: Ints, where: Ints, as_of: Ints, since: Ints) -> Bools:
    """Append entries for the purchases and refunds at some places.

    Args:
        store: the customers and their entries.
        batch: the events.
        rows: for each event of the batch the row of its customer.
        where: places of events, ascending: of two entries the later one gets the higher number.
        as_of: for each event of the batch the instant that its customer is scored as of.
        since: for each event of the batch an instant; what happened until then is forgotten.

    Returns:
        For each event at these places whether it counts inside the window.
    """
    rules = store.rules
    kind, at, row = batch.kind[where], batch.at[where], rows[where]
    entry = kind <= _REFUND
    inside: Bools = entry
    if rules.window is not None:
        inside = entry & (at > np.maximum(as_of[where] - rules.window, store.forgotten))
    # Of all time too: an entry would take a name on reading back that it does not take here.
    forgotten = at <= since[where]
    if forgotten.any():
        forgotten &= entry
        old = np.flatnonzero(forgotten & (kind == _ORDER))
        np.maximum.at(store.customers.last_forgotten, row[old], at[old])
        store.touch(row[forgotten])
        entry = entry & ~forgotten
    within = inside
    if not entry.all():
        where, kind, at, row, within = where[entry], kind[entry], at[entry], row[entry], inside[entry]
    key, amount = batch.key[where], batch.amount[where]
    refunds = kind.any()
    signed = np.where(kind == _ORDER, amount, -amount) if refunds else amount
    positions = store.entries.append(at, signed, key, row, kind, within.astype(np.uint8) * np.uint8(INSIDE))
    if refunds:
        own_id = np.flatnonzero((kind == _REFUND) & (key != batch.order[where]))
        if len(own_id):
            store.note_refunds(positions[own_id], batch.order[where[own_id]])
    return inside
