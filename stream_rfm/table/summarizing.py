"""What a partition's customers contribute to the cut points, a slice at a time."""

from __future__ import annotations

from stream_rfm.model.distribution import Collected, Distribution
from stream_rfm.model.version import Summary
from stream_rfm.table.customer_row import NEVER
from stream_rfm.table.store import Store
from stream_rfm.table.view import leaving, view_between


class Summarizing:
    """Takes the values of all customers as of an instant.

    Events may be counted between two slices: each customer is then in it with what was known at its slice.
    """

    def __init__(self, store: Store, as_of: int, exact_up_to: int) -> None:
        """Prepare.

        Args:
            store: the customers.
            as_of: the instant, not before the one of the last rescoring.
            exact_up_to: customers up to which every value is kept; above, a sketch.
        """
        self.as_of = as_of
        self._store = store
        self._leaving = leaving(store, as_of)
        self._next_row = 0
        # Recency, frequency, monetary value.
        self._collected = tuple(Collected(exact_up_to) for _ in range(3))
        self._results: list[Distribution] = []

    def step(self, rows: int) -> Summary | None:
        """Look at the next so many rows, or do as much of what comes before and after that.

        Returns:
            The summary, once there is nothing more to do.
        """
        while rows > 0 and not self._leaving.complete:
            rows -= self._leaving.look()
        while rows > 0 and self._next_row < self._store.customers.count:
            rows -= self._look(rows)
        while rows > 0 and len(self._results) < len(self._collected):
            collected = self._collected[len(self._results)]
            self._results.append(collected.result())
            rows -= collected.total
        done = len(self._results) == len(self._collected)
        return Summary(*self._results) if done else None

    def _look(self, rows: int) -> int:
        low, high = self._next_row, min(self._next_row + rows, self._store.customers.count)
        self._next_row = high
        seen = view_between(self._store, self._leaving, low, high)
        ranked = (seen.frequency > 0) & (seen.last != NEVER)
        values = (-seen.last[ranked], seen.frequency[ranked], seen.monetary[ranked])
        for collected, column in zip(self._collected, values, strict=True):
            collected.add(column)
        return high - low


def summary(store: Store, as_of: int) -> Summary:
    """All of it at once."""
    summarizing = Summarizing(store, as_of, store.rules.exact_up_to)
    while (made := summarizing.step(1 + store.customers.count)) is None:
        pass
    return made
