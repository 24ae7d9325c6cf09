"""Values of all customers as of an instant, without changing anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream_rfm.model import distribution
from stream_rfm.model.arrays import Ints
from stream_rfm.model.order import Kind
from stream_rfm.model.version import Summary
from stream_rfm.table.customers import NEVER
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
