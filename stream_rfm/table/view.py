"""Values of all customers as of an instant, without changing anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream_rfm.model.arrays import Ints
from stream_rfm.model.order import Kind
from stream_rfm.table import window
from stream_rfm.table.customer_row import NEVER, NO_SEGMENT
from stream_rfm.table.entries import CANCELLED, NOBODY
from stream_rfm.table.leaving import Leaving
from stream_rfm.table.store import Store


@dataclass(frozen=True, slots=True)
class View:
    """Customers' values as of an instant, one value a customer.

    Attributes:
        rows: the customers' rows, ascending.
        last: the last purchase, ``NEVER`` where there was none.
        frequency: purchases inside the window.
        monetary: money inside the window, in millionths.
    """

    rows: Ints
    last: Ints
    frequency: Ints
    monetary: Ints


def leaving(store: Store, as_of: int) -> Leaving:
    """What leaves the window as of an instant."""
    size = store.rules.window
    return Leaving(store.entries, None if size is None else as_of - size)


def view(store: Store, as_of: int) -> View:
    """The values as of an instant that is not before the one of the last rescoring."""
    return view_between(store, leaving(store, as_of), 0, store.customers.count)


def view_between(store: Store, leaving: Leaving, low: int, high: int) -> View:
    """The same of the customers in a range of rows.

    Args:
        store: the customers.
        leaving: what leaves the window as of the instant.
        low: the first row.
        high: the row behind the last one.
    """
    customers, entries = store.customers, store.entries
    frequency = customers.frequency[low:high].astype(np.int64)
    monetary = customers.monetary[low:high].copy()
    left = leaving.between(low, high)
    places = entries.row[left] - low
    np.subtract.at(frequency, places, entries.kind[left] == Kind.ORDER)
    np.subtract.at(monetary, places, entries.amount[left])
    known = np.flatnonzero(customers.id_length[low:high] > 0)
    return View(low + known, customers.last[low:high][known], frequency[known], monetary[known])


def remembered(store: Store, as_of: int) -> View:
    """The values as of an instant, counted anew from what is remembered of single orders.

    Unlike :func:`view` it is right for an instant that some customers have moved past: what happened later
    is left out, and so is who was not known yet.
    """
    customers, entries = store.customers, store.entries
    count = entries.count
    at, kind, flags = entries.at[:count], entries.kind[:count], entries.flags[:count]
    mine = (entries.row[:count] != NOBODY) & (kind != Kind.CANCEL)
    seen = mine & (at <= as_of) & ((flags & CANCELLED) == 0)
    frequency, monetary = _totals_as_of(store, as_of)
    last = customers.last_forgotten[: customers.count].copy()
    orders = kind == Kind.ORDER
    np.maximum.at(last, entries.row[:count][seen & orders], at[seen & orders])
    later = np.zeros(customers.count, bool)
    later[entries.row[:count][mine & (at > as_of)]] = True
    later[entries.row[:count][mine & (at <= as_of)]] = False
    later &= last == NEVER
    known = customers.is_somebody() & (customers.segment[: customers.count] != NO_SEGMENT) & ~later
    rows = np.flatnonzero(known)
    return View(rows, last[rows], frequency[rows], monetary[rows])


def _totals_as_of(store: Store, as_of: int) -> tuple[Ints, Ints]:
    """Purchases and money inside the window, by row."""
    entries, rows, size = store.entries, store.customers.count, store.rules.window

    def since(until: int) -> Ints:
        return window.counting(entries, np.full(rows, until))

    if size is None:
        later = window.totals(entries, since(as_of), rows)
        frequency, monetary = (
            in_all - since for in_all, since in zip(window.of_all_time(store.customers), later, strict=True)
        )
        return frequency, monetary
    inside = since(max(as_of - size, store.forgotten))
    return window.totals(entries, inside[entries.at[inside] <= as_of], rows)
