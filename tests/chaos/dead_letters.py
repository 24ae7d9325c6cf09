"""Dead letters are the bad events as they came, once each, with where they were and why they cannot count."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

_TYPES = {"order", "refund", "cancel", "enquiry", "erase", "heartbeat"}


def reason_of(said: dict[str, Any]) -> str | None:
    """Why an event cannot count, of the reasons that there are in a feed."""
    if said.get("type", "order") not in _TYPES:
        return "unknown-type"
    if said.get("currency", "EUR") != "EUR":
        return "unknown-currency"
    if Decimal(said.get("amount", "0")) < 0:
        return "invalid-amount"
    try:
        datetime.fromisoformat(said["ts"])
    except ValueError:
        return "invalid-time"
    return None


def wrong_letters(orders: Iterable[Any], letters: Iterable[Any], bad: Counter[str]) -> Iterator[str]:
    """What is wrong with the dead letters.

    Args:
        orders: the records that came in.
        letters: the records that were put aside.
        bad: how many bad events were sent, by reason.
    """
    expected, reasons = {}, Counter[str]()
    for record in orders:
        reason = reason_of(json.loads(record.value))
        if reason is not None:
            expected[record.partition, record.offset] = (record.topic, reason, record.key, record.value)
            reasons[reason] += 1
    if reasons != bad:
        yield f"bad events: {dict(reasons)} are in the orders instead of {dict(bad)}"
    found: dict[tuple[int, int], tuple[str, str, bytes, bytes]] = {}
    places: Counter[tuple[int, int]] = Counter()
    for record in letters:
        said = {name: value.decode() for name, value in record.headers}
        place = int(said["partition"]), int(said["offset"])
        places[place] += 1
        found[place] = (said["topic"], said["reason"], record.key, record.value)
        if record.partition != place[0]:
            yield f"the dead letter of {place} is in partition {record.partition}"
    twice = sum(1 for count in places.values() if count > 1)
    if twice:
        yield f"{twice} bad events are dead letters more than once"
    if found.keys() != expected.keys():
        missing, too_many = len(expected.keys() - found.keys()), len(found.keys() - expected.keys())
        yield f"dead letters: {missing} of {len(expected)} bad events are missing, {too_many} are of others"
    changed = sum(1 for place in found.keys() & expected.keys() if found[place] != expected[place])
    if changed:
        yield f"{changed} dead letters have another reason, topic, key or value than their events"
