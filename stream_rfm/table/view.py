"""Values of all customers as of an instant, without changing anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream_rfm.model import distribution
from stream_rfm.model.arrays import Ints
from stream_rfm.model.order import Kind
from stream_rfm.model.version import Summary
from stream_rfm.table import window
from stream_rfm.table.customers import NEVER, NO_SEGMENT
from stream_rfm.table.entries import CANCELLED, NOBODY
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


def view(store: Store, as_of: int) -> View:
    """The values as of an instant that is not before the one of the last rescoring."""
    customers, entries = store.customers, store.entries
    frequency = customers.frequency[: customers.count].astype(np.int64)
    monetary = customers.monetary[: customers.count].copy()
    if store.rules.window is not None:
        leaving = entries.leaving(as_of - store.rules.window)
        rows = entries.row[leaving]
        np.subtract.at(frequency, rows, entries.kind[leaving] == Kind.ORDER)
        np.subtract.at(monetary, rows, entries.amount[leaving])
    rows = np.flatnonzero(customers.is_somebody())
    return View(rows, customers.last[rows], frequency[rows], monetary[rows])


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


def summary(store: Store, as_of: int) -> Summary:
    """What these customers contribute to the cut points of a version."""
    seen = view(store, as_of)
    ranked = (seen.frequency > 0) & (seen.last != NEVER)
    exact_up_to = store.rules.exact_up_to
    return Summary(
        recency=distribution.of(-seen.last[ranked], exact_up_to),
        frequency=distribution.of(seen.frequency[ranked], exact_up_to),
        monetary=distribution.of(seen.monetary[ranked], exact_up_to),
    )
