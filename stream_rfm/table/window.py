"""What is inside the window, counted from the entries instead of event by event."""

from __future__ import annotations

import numpy as np

from stream_rfm.model.arrays import Ints
from stream_rfm.model.order import Kind
from stream_rfm.table.customers import Customers
from stream_rfm.table.entries import CANCELLED, NOBODY, Entries


def counting(entries: Entries, until: Ints) -> Ints:
    """The positions of the entries that count.

    Args:
        entries: what is remembered.
        until: for each row an instant; what happened until then does not count.
    """
    owned = np.flatnonzero(entries.row[: entries.count] != NOBODY)
    counts = (entries.flags[owned] & CANCELLED) == 0
    counts &= entries.kind[owned] != Kind.CANCEL
    counts &= entries.at[owned] > until[entries.row[owned]]
    return owned[counts]


def totals(entries: Entries, positions: Ints, rows: int) -> tuple[Ints, Ints]:
    """Purchases and money of some entries, for each of so many rows."""
    frequency, monetary = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    of = entries.row[positions]
    np.add.at(frequency, of, entries.kind[positions] == Kind.ORDER)
    np.add.at(monetary, of, entries.amount[positions])
    return frequency, monetary


def of_all_time(customers: Customers) -> tuple[Ints, Ints]:
    """The same without a window: what was counted is known even where its order is forgotten."""
    rows = slice(0, customers.count)
    return customers.lifetime_orders[rows].astype(np.int64), customers.lifetime_monetary[rows].copy()
