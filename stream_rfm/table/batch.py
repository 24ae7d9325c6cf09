"""Events of one partition in columns, in the order of the topic."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeVar

from stream_rfm.model.arrays import Column, Hashes, Ints
from stream_rfm.table.texts import Texts

T = TypeVar("T")


@dataclass(slots=True)
class Batch:
    """Valid events.

    Attributes:
        kind: numbers of :class:`~stream_rfm.model.order.Kind`.
        at: when each happened, instants in microseconds.
        amount: millionths of the base currency, never negative.
        digest: the two halves of the 128-bit hash of each customer id, one row an event.
        key: the hash of the event's own id: of the order, or of the refund where that has one.
        order: the hash of the id of the order that it is or names.
        ids: customer ids in UTF-8; empty for heartbeats.
        order_ids: ids of the orders that events are or name.
        offset: places in the topic.
        stamp: when each record reached Kafka, milliseconds since 1970; 0 where none did.
    """

    kind: Column
    at: Ints
    amount: Ints
    digest: Hashes
    key: Hashes
    order: Hashes
    ids: list[bytes] | Texts[bytes]
    order_ids: list[str | None] | Texts[str | None]
    offset: Ints
    stamp: Ints

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> Batch:
        return Batch(*[getattr(self, name)[part] for name in _NAMES])

    def take(self, where: Ints) -> Batch:
        """The events at some places."""
        places = where.tolist()

        def chosen(column: Any) -> Any:
            return [column[i] for i in places] if isinstance(column, list) else column[where]

        return Batch(*[chosen(getattr(self, name)) for name in _NAMES])

    def ids_at(self, places: Ints) -> list[bytes]:
        """The customers of the events at some places."""
        return _at(self.ids, places)

    def order_ids_at(self, places: Ints) -> list[str | None]:
        """The ids of the orders that the events at some places are or name."""
        return _at(self.order_ids, places)


def _at(texts: list[T] | Texts[T], places: Ints) -> list[T]:
    return [texts[i] for i in places.tolist()] if isinstance(texts, list) else texts.at(places)


_NAMES = tuple(field.name for field in fields(Batch))
