"""Every transition that an event made is an echo of it: in its partition, behind it, and in turn.

The stream promises the order of the events to each customer, not across customers: within a transaction those
with a cancel or an erase come behind the others.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import truth

#: Causes that an event has; a backfill is an event of any type, and so is the time that one brought along.
_CAUSES = {*truth.TYPES, "backfill"}


@dataclass(frozen=True)
class Heard:
    """An event that counts, where it is in the orders."""

    partition: int
    offset: int
    type: str
    order_id: str | None


def heard(orders: Iterable[Any]) -> dict[str, list[Heard]]:
    """The events that count, by customer, as they are in the topic of orders."""
    found: dict[str, list[Heard]] = defaultdict(list)
    for record in orders:
        said = json.loads(record.value)
        event = truth.event_of(said)
        if event is not None:
            where = Heard(record.partition, record.offset, event.type, event.order_id)
            found[said["customer_id"]].append(where)
    return found


def wrong_echoes(
    orders: Iterable[Any], transitions: Iterable[Any], committed: dict[int, int]
) -> Iterator[str]:
    """What is wrong with the transitions, as the records that they are.

    Args:
        orders: the records that came in.
        transitions: the records that went out, each partition's in their order.
        committed: up to where orders are counted, by partition.
    """
    events = heard(orders)
    last: dict[str, int] = {}
    wrong = []
    for record in transitions:
        said = json.loads(record.value)
        customer = said["customer_id"]
        if record.partition not in {event.partition for event in events.get(customer, ())}:
            wrong.append(f"{said['cause']} in partition {record.partition}, where its customer is not")
            continue
        if said["cause"] not in _CAUSES and said["order_id"] is None:
            continue
        after = last.get(customer, -1)
        offset = _echoed(said, record.partition, after, events.get(customer, ()))
        if offset is None:
            wrong.append(f"{said['cause']} in partition {record.partition} echoes nothing behind {after}")
        elif offset >= committed[record.partition]:
            wrong.append(f"{said['cause']} in partition {record.partition} echoes what is not committed")
        else:
            last[customer] = offset
    if wrong:
        yield f"{len(wrong)} transitions are no echo of an event in turn: {wrong[0]}"


def _echoed(said: dict[str, Any], partition: int, after: int, events: Iterable[Heard]) -> int | None:
    """The first event behind an offset that may have made a transition: later ones stay for those to come."""
    type_ = truth.TYPES.get(said["cause"])
    for event in events:
        fits = event.order_id == said["order_id"] and type_ in {None, event.type}
        if fits and event.partition == partition and event.offset > after:
            return event.offset
    return None
