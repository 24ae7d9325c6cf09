"""Batches of columns out of plain events, and histories to try things on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import xxhash
from hypothesis import strategies as st

from stream_rfm.model import instant
from stream_rfm.model.order import HAS_AMOUNT, NAMES_ORDER, Kind, OrderEvent
from stream_rfm.table.batch import Batch

HOUR = 3600 * instant.SECOND
DAY = instant.DAY
UNIT = 1_000_000
START = instant.parse("2026-01-01T00:00:00Z")

ALL_KINDS = tuple(Kind)
_CONSISTENT = (Kind.ORDER, Kind.REFUND, Kind.CANCEL, Kind.ENQUIRY)
OF_CUSTOMERS = tuple(kind for kind in Kind if kind is not Kind.HEARTBEAT)


def hash_of(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode())


def batch_of(events: Sequence[OrderEvent]) -> Batch:
    digests = [xxhash.xxh3_128_digest(event.customer_id.encode()) for event in events]
    return Batch(
        kind=np.array([event.kind for event in events], np.uint8),
        at=np.array([event.at for event in events], np.int64),
        amount=np.array([event.amount for event in events], np.int64),
        digest=np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2),
        key=np.array(
            [hash_of(f"refund {e.refund_id}" if e.refund_id else e.order_id or "") for e in events], np.uint64
        ),
        order=np.array([hash_of(event.order_id or "") for event in events], np.uint64),
        ids=[event.customer_id.encode() for event in events],
        order_ids=[event.order_id for event in events],
        offset=np.arange(len(events)),
        stamp=np.zeros(len(events), np.int64),
    )


# Short ways to write an event; times in days after START.


def order(customer: str, order_id: str, day: float, amount: float = 10) -> OrderEvent:
    return OrderEvent(Kind.ORDER, customer, _at(day), order_id, None, round(amount * UNIT))


def refund(
    customer: str, order_id: str, day: float, amount: float = 10, refund_id: str | None = None
) -> OrderEvent:
    return OrderEvent(Kind.REFUND, customer, _at(day), order_id, refund_id, round(amount * UNIT))


def cancel(customer: str, order_id: str, day: float) -> OrderEvent:
    return OrderEvent(Kind.CANCEL, customer, _at(day), order_id)


def enquiry(customer: str, day: float) -> OrderEvent:
    return OrderEvent(Kind.ENQUIRY, customer, _at(day))


def erase(customer: str, day: float) -> OrderEvent:
    return OrderEvent(Kind.ERASE, customer, _at(day))


def heartbeat(day: float) -> OrderEvent:
    return OrderEvent(Kind.HEARTBEAT, "", _at(day))


def _at(day: float) -> int:
    return START + round(day * DAY)


# One whole number an event: quick to draw, and 0 is the plainest event, so that histories shrink well.
# Gaps are whole hours and days, so that times tie with one another, with boundaries and with windows.
_KINDS = (
    *([Kind.ORDER] * 8),
    Kind.REFUND,
    Kind.CANCEL,
    Kind.REFUND,
    Kind.CANCEL,
    Kind.ENQUIRY,
    Kind.ERASE,
    Kind.HEARTBEAT,
    Kind.ORDER,
)
# Of histories in which orders are refunded again and again.
_REFUNDED = (
    *([Kind.ORDER] * 3),
    *([Kind.REFUND] * 8),
    *([Kind.CANCEL] * 3),
    Kind.ENQUIRY,
    Kind.ERASE,
)
_GAPS = (0, HOUR, 0, 6 * HOUR, DAY // 2, DAY, 2 * DAY + HOUR, 9 * DAY)
_LATE = (0, 0, 0, HOUR, 0, DAY, 3 * DAY, 12 * DAY)
_REFUND_IDS = (None, "r1", None, "r2")
_AMOUNTS = (10, 0, 1, 30, 60, 61, 5, 250)
_ORDERS = 6
#: Events are numbers below this.
CODES = len(_KINDS) * len(_GAPS) * len(_LATE) * len(_REFUND_IDS) * len(_AMOUNTS) * _ORDERS * 16


def decoded(
    codes: Iterable[int],
    *,
    kinds: Sequence[Kind] = ALL_KINDS,
    customers: int = 5,
    late: bool = False,
    refunded: bool = False,
) -> list[OrderEvent]:
    """The history that some numbers stand for, in the order of arrival."""
    now, events = START, []
    for number in codes:
        rest, chosen = number, []
        for table in (
            _REFUNDED if refunded else _KINDS,
            _GAPS,
            _AMOUNTS,
            range(16),
            range(_ORDERS),
            _REFUND_IDS,
            _LATE,
        ):
            rest, place = divmod(rest, len(table))
            chosen.append(table[place])
        kind, gap, amount, customer, order_number, refund_id, lateness = chosen
        if kind not in kinds:
            kind = Kind.ORDER
        now += gap
        events.append(
            OrderEvent(
                kind=kind,
                customer_id="" if kind is Kind.HEARTBEAT else f"c{customer % customers}",
                at=max(START, now - lateness) if late else now,
                order_id=f"o{order_number}" if kind in NAMES_ORDER else None,
                refund_id=refund_id if kind is Kind.REFUND else None,
                amount=amount * UNIT if kind in HAS_AMOUNT else 0,
            )
        )
    return events


def codes(max_size: int = 60) -> st.SearchStrategy[list[int]]:
    """Numbers for :func:`decoded`: mostly short lists, and often enough long ones."""
    one = st.integers(0, CODES - 1)
    return st.lists(one, min_size=1, max_size=max_size) | st.lists(
        one, min_size=max_size // 3, max_size=max_size
    )


def histories(
    *,
    max_size: int = 60,
    kinds: Sequence[Kind] = ALL_KINDS,
    customers: int = 5,
    late: bool = False,
    refunded: bool = False,
) -> st.SearchStrategy[list[OrderEvent]]:
    """Events of a few customers over some weeks; ids repeat so that duplicates and cancels meet.

    Args:
        max_size: the most events.
        kinds: which kinds.
        customers: how many customers, at most 16.
        late: whether events may come after younger ones.
        refunded: whether most events are refunds and cancels.
    """
    return st.builds(
        decoded,
        codes(max_size),
        kinds=st.just(tuple(kinds)),
        customers=st.just(customers),
        late=st.just(late),
        refunded=st.just(refunded),
    )


@st.composite
def cancelled(draw: st.DrawFn) -> tuple[list[OrderEvent], list[OrderEvent]]:
    """A customer's orders and their refunds in any order, with a cancel of one; and without that one.

    Refunds of an order have no id or the same one, and lie closer together than a week or farther apart.
    """
    refunds = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9), st.booleans()), max_size=6)
    events = []
    for number in range(3):
        day, name = draw(st.integers(0, 60)), f"o{number}"
        events.append(order("c0", name, day, 100))
        events += [
            refund("c0", name, day + later, amount, f"r{number}" if has_id else None)
            for later, amount, has_id in draw(refunds)
        ]
    events = draw(st.permutations(events))
    without = [event for event in events if event.order_id != "o0"]
    place = draw(st.just(len(events)) | st.integers(0, len(events)))
    events.insert(place, cancel("c0", "o0", draw(st.integers(60, 120))))
    return events, without


def consistent(numbers: Iterable[int], *, customers: int = 5) -> list[OrderEvent]:
    """A history in which every id is used once, and what refunds or cancels an order comes behind it."""
    orders: dict[str, list[str]] = {}
    events = []
    for place, event in enumerate(decoded(numbers, kinds=_CONSISTENT, customers=customers)):
        known = orders.setdefault(event.customer_id, [])
        if event.kind in {Kind.REFUND, Kind.CANCEL} and known:
            named = known[event.at // HOUR % len(known)]
            own_id = f"r{place}" if event.kind is Kind.REFUND else None
            events.append(replace(event, order_id=named, refund_id=own_id))
        elif event.kind is Kind.ENQUIRY:
            events.append(event)
        else:
            known.append(f"o{place}")
            events.append(replace(event, kind=Kind.ORDER, order_id=f"o{place}", refund_id=None))
    return events


def ended(history: Sequence[OrderEvent], interval: int) -> list[OrderEvent]:
    """With a heartbeat behind the last event, at a boundary."""
    last = max(event.at for event in history)
    return [*history, OrderEvent(Kind.HEARTBEAT, "", (last // interval + 2) * interval)]


def cut(events: Sequence[OrderEvent], sizes: Sequence[int]) -> list[slice]:
    """Slices of these sizes, over and over, that make up all events."""
    parts, low = [], 0
    while low < len(events):
        high = min(len(events), low + sizes[len(parts) % len(sizes)])
        parts.append(slice(low, high))
        low = high
    return parts
