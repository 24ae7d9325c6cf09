"""What the orders come to, in plain Python: nothing of it is the stream's own code.

Everything that an event names is near enough in time to be remembered, so forgetting is left out.
"""

from __future__ import annotations

import bisect
import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

_DAY = 86_400.0
_DEDUPE_SECONDS = 7 * _DAY
_LEVELS = 5
# Days are said with so many digits that a tenth of a second is left.
_NEAR_DAYS = 1e-6

#: The causes that are an event's own, and its type; a backfill is whichever it was.
TYPES = {"order": "order", "refund": "refund", "cancel": "cancel", "erase": "erase"}


@dataclass(frozen=True)
class Event:
    """An order event that counts.

    Attributes:
        at: seconds since 1970.
        type: what it is.
        order_id: the purchase that it names.
        own_id: of a refund.
        amount: of money.
    """

    at: float
    type: str
    order_id: str | None
    own_id: str | None
    amount: Decimal


@dataclass
class Item:
    """A purchase, or a refund of one."""

    order_id: str
    at: float
    amount: Decimal
    counts: bool = True


@dataclass
class Account:
    """What is known of a customer."""

    purchases: list[Item] = field(default_factory=list)
    refunds: dict[str, Item] = field(default_factory=dict)
    known: bool = False
    _named: dict[str, Item] = field(default_factory=dict)
    _void: set[str] = field(default_factory=set)

    def take(self, event: Event) -> None:
        """Count an event."""
        if event.type == "erase":
            self.__init__()  # type: ignore[misc]  # forget everything
            return
        self.known = True
        name = event.order_id or ""
        if event.type == "order":
            before = self._named.get(name)
            again = before is not None and event.at - before.at <= _DEDUPE_SECONDS
            if not again and name not in self._void:
                self._named[name] = Item(name, event.at, event.amount)
                self.purchases.append(self._named[name])
        elif event.type == "refund":
            gone = name in self._void or (name in self._named and not self._named[name].counts)
            if not gone:
                self.refunds.setdefault(event.own_id or name, Item(name, event.at, event.amount))
        elif event.type == "cancel":
            if name in self._named:
                self._named[name].counts = False
            else:
                self._void.add(name)
            for refund in self.refunds.values():
                if refund.order_id == name:
                    refund.counts = False

    def values(self, as_of: float, window: float) -> tuple[float | None, int, Decimal]:
        """Days since the last purchase, and frequency and money inside the window."""
        bought = [item for item in self.purchases if item.counts]
        inside = [item for item in bought if item.at > as_of - window]
        back = [item for item in self.refunds.values() if item.counts and item.at > as_of - window]
        last = max((item.at for item in bought), default=None)
        money = sum((item.amount for item in inside), Decimal()) - sum((i.amount for i in back), Decimal())
        return None if last is None else max(0.0, as_of - last) / _DAY, len(inside), money


def events_of(orders: Path) -> dict[str, list[Event]]:
    """The events of a file that count, by customer, in their order."""
    found: dict[str, list[Event]] = defaultdict(list)
    with orders.open("rb") as lines:
        for said in map(json.loads, lines):
            event = event_of(said)
            if event is not None:
                found[said["customer_id"]].append(event)
    return found


def event_of(said: dict[str, Any]) -> Event | None:
    """The event of a record, if it counts."""
    kind = said.get("type", "order")
    amount = Decimal(said.get("amount", "0"))
    if kind not in TYPES or amount < 0 or said.get("currency", "EUR") != "EUR":
        return None
    try:
        at = seconds(said["ts"])
    except ValueError:
        return None
    return Event(at, kind, said.get("order_id"), said.get("refund_id"), amount)


def seconds(text: str) -> float:
    """An instant as seconds since 1970."""
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


def state(export: Path, events: dict[str, list[Event]], as_of: float | None, window: float) -> Iterator[str]:
    """What is wrong in an export of everybody, as of an instant or of one that it does not say."""
    accounts = {customer: Account() for customer in events}
    for customer, some in events.items():
        for event in some:
            accounts[customer].take(event)
    with export.open(encoding="utf-8", newline="") as lines:
        rows = {row["customer_id"]: row for row in csv.DictReader(lines)}
    known = {customer for customer, account in accounts.items() if account.known}
    if known != rows.keys():
        yield f"{len(known ^ rows.keys())} of {len(known)} customers are missing in the state, or too many"
    if as_of is None:
        as_of = _instant_of(rows, accounts)
    wrong = [
        customer
        for customer in known & rows.keys()
        if not _agree(accounts[customer].values(as_of, window), rows[customer])
    ]
    if wrong:
        yield f"{len(wrong)} of {len(known)} customers have other values than their orders come to"
    yield from _scores(list(rows.values()))


def _instant_of(rows: dict[str, dict[str, str]], accounts: dict[str, Account]) -> float:
    """The instant by which somebody's last purchase is as old as is said: for all others it must be, too."""
    for customer, row in rows.items():
        days, _, _ = accounts[customer].values(0.0, 0.0) if customer in accounts else (None, 0, 0)
        if days is not None and row["recency_days"]:
            last = max(item.at for item in accounts[customer].purchases if item.counts)
            return last + float(row["recency_days"]) * _DAY
    return 0.0


def _agree(values: tuple[float | None, int, Decimal], said: dict[str, Any]) -> bool:
    days, frequency, money = values
    there = said["recency_days"]
    if days is None or there in {None, ""}:
        near = days is None and there in {None, ""}
    else:
        near = abs(days - float(there)) < _NEAR_DAYS
    return near and frequency == int(said["frequency"]) and money == Decimal(said["monetary"])


def _scores(rows: list[dict[str, str]]) -> Iterator[str]:
    """Scores that do not follow from the values beside them."""
    ranked = [row for row in rows if int(row["frequency"]) > 0]
    for column, score, low_is_best in (
        ("recency_days", "r", True),
        ("frequency", "f", False),
        ("monetary", "m", False),
    ):
        values = sorted(Decimal(row[column]) for row in ranked)
        if not values:
            return
        cuts = [values[-(-level * len(values) // _LEVELS) - 1] for level in range(1, _LEVELS)]
        wrong = 0
        for row in ranked:
            below = bisect.bisect_left(cuts, Decimal(row[column]))
            wrong += int(row[score]) != (_LEVELS - below if low_is_best else 1 + below)
        if wrong:
            yield f"{wrong} of {len(ranked)} customers have another {score} than their {column} says"


def transitions(
    said: list[dict[str, Any]], events: list[Event], window: float, *, event_clock: bool
) -> Iterator[str]:
    """What is wrong with the transitions of one customer, beside the events that they follow from.

    Each has to be of an event behind that of the one before, and to say what the events so far come to; one
    of a rescoring follows from all events until then.
    With the wall clock nobody knows which events a rescoring has seen.
    """
    account, done, used = Account(), 0, 0
    for each in said:
        rescored = each["cause"] in {"decay", "quantiles"}
        if rescored and not event_clock:
            continue
        as_of = seconds(each["effective_at"])
        found = False
        while not found:
            may = (rescored or done > used) and _may_follow(each, events, done, as_of)
            found = may and _says(each, account, as_of, window)
            if found:
                break
            if done == len(events) or (event_clock and events[done].at > as_of):
                break
            account.take(events[done])
            done += 1
        if not found:
            yield f"{each['cause']} at {each['effective_at']} follows from no event in turn"
            return
        used = used if rescored else done


def _may_follow(each: dict[str, Any], events: list[Event], done: int, as_of: float) -> bool:
    """Whether a transition may come when so many of the events have been counted."""
    last = events[done - 1] if done else None
    if each["cause"] in {"decay", "quantiles"}:
        return done == len(events) or events[done].at >= as_of
    if last is None or last.order_id != each["order_id"]:
        return False
    return each["cause"] == "backfill" or last.type == TYPES[each["cause"]]


def _says(each: dict[str, Any], account: Account, as_of: float, window: float) -> bool:
    if each["after"] is None:
        return not account.known
    return _agree(account.values(as_of, window), each["after"])
