"""The customers as a Faust table: to be read like any other, written by nobody but the writer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import numpy as np
from faust import Table

from stream_rfm.stream.lane import Lane
from stream_rfm.stream.publication import living, segment_documents


class CustomerTable(Table[str, dict[str, Any]]):
    """Current segments by customer id, of the partitions that this worker has."""

    #: Set by :func:`stream_rfm.app.create_app`.
    lanes: Mapping[int, Lane]

    def __getitem__(self, key: str) -> dict[str, Any]:
        """The current segment of a customer.

        Raises:
            KeyError: this worker does not know the customer.
        """
        for lane in self.lanes.values():
            store = lane.partition.store
            rows = store.customers.find_ids([key.encode()])
            if rows[0] >= 0:
                return next(segment_documents(store, rows, lane.number))[1]
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        wanted = [str(key).encode()]
        return any(lane.partition.store.customers.find_ids(wanted)[0] >= 0 for lane in self.lanes.values())

    def __iter__(self) -> Iterator[str]:
        for lane in self.lanes.values():
            store = lane.partition.store
            rows = living(store, np.arange(store.customers.count))
            yield from (customer.decode() for customer in store.customers.ids_of(rows))

    def __len__(self) -> int:
        return sum(lane.partition.store.customers.living for lane in self.lanes.values())

    def __setitem__(self, key: str, value: Any) -> NoReturn:
        """Refuse: the table follows from the orders topic alone."""
        raise TypeError("the customer table is written by its orders only: produce an order instead")

    def __delitem__(self, key: str) -> NoReturn:
        """Refuse: the table follows from the orders topic alone."""
        raise TypeError("the customer table is written by its orders only: produce an erase instead")

    async def on_start(self) -> None:
        """There is no store to open, and the changelog is declared with the other topics."""
