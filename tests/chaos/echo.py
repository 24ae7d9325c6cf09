"""Every transition that an event made is an echo of it: in its partition, behind it, and in turn.

The stream promises the order of the events to each customer, not across customers: within a transaction those
with a cancel or an erase come behind the others.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
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
    places = {customer: {event.partition for event in some} for customer, some in events.items()}
    # How many of a customer's events lie before the next that may be echoed.
    passed: Counter[str] = Counter()
    wrong = []
    for record in transitions:
        said = json.loads(record.value)
        customer, where = said["customer_id"], f"{said['cause']} in partition {record.partition}"
        if places.get(customer) != {record.partition}:
            wrong.append(f"{where}, where its customer is not")
            continue
        if said["cause"] not in _CAUSES and said["order_id"] is None:
            continue
        number = _echoed(said, events[customer], passed[customer])
        if number is None:
            wrong.append(f"{where} echoes none of the events in turn")
        elif events[customer][number].offset >= committed[record.partition]:
            wrong.append(f"{where} echoes what is not committed")
        else:
            passed[customer] = number + 1
    if wrong:
        yield f"{len(wrong)} transitions are no echo of an event in turn: {wrong[0]}"


def _echoed(said: dict[str, Any], events: list[Heard], passed: int) -> int | None:
    """The first event of those left that may have made a transition: later ones stay for those to come."""
    type_ = truth.TYPES.get(said["cause"])
    for number in range(passed, len(events)):
        if events[number].order_id == said["order_id"] and type_ in {None, events[number].type}:
            return number
    return None
