from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from events import DAY, START, UNIT, batch_of
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_rfm.intake import batching
from stream_rfm.intake.batching import Documents
from stream_rfm.intake.document import Intake, OrderDocument, event_of
from stream_rfm.model.order import KINDS, Kind, OrderEvent, Reason, Rejected

INTAKE = Intake("EUR", START + 30 * DAY, {"USD": Decimal("0.9")})
LATE = "2026-03-01T00:00:00Z"

ids = st.sampled_from(["a", "b", "ü", "", "x" * 64, "x" * 65, "€" * 100, "€" * 85, "\0"])
amounts = st.sampled_from(
    [
        "1",
        "12.34",
        "0",
        "",
        "-1",
        "-0",
        "x",
        "nan",
        "1e400",
        "1e999999",
        "0.0000005",
        "99999999.99",
        "1_0",
        0,
        1,
        -1,
        1.5,
        0.1,
        -0.0,
        1e308,
        float("nan"),
        10**20,
        123456789.1234567,
    ]
)
times = st.sampled_from(
    [
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.5Z",
        "2026-01-02",
        LATE,
        "",
        "x",
        "2026-02-30T00:00:00Z",
        START // 1000,
        0,
        -1,
        1 << 47,
        1 << 60,
        10**30,
        4000000000000,
    ]
)
documents = st.builds(
    OrderDocument,
    type=st.sampled_from(["order", "order", "order", *KINDS, "purchase"]),
    customer_id=ids | st.none(),
    order_id=ids | st.none(),
    refund_id=st.none() | ids,
    amount=amounts | st.none(),
    currency=st.sampled_from([None, "EUR", "USD", "GBP", ""]),
    ts=times | st.none(),
)
plain = st.builds(
    OrderDocument,
    type=st.sampled_from(["order", "refund"]),
    customer_id=st.sampled_from(["a", "b", "ü"]),
    order_id=st.sampled_from(["o1", "o2"]),
    amount=st.sampled_from(["1", "12.34", 5, 0.1]),
    currency=st.sampled_from([None, "EUR"]),
    ts=st.sampled_from(["2026-01-02T03:04:05Z", "2026-01-03T03:04:05Z"]),
)


def said(some: list[OrderDocument], keys: list[bytes | None]) -> Documents:
    size = len(some)
    return Documents(some, keys, np.arange(size) + 100, np.arange(size) + 1_000)


def key_of(document: OrderDocument) -> bytes | None:
    return None if document.customer_id is None else document.customer_id.encode()


def one_by_one(some: list[OrderDocument], keys: list[bytes | None]):
    """What the rules for one document say of each."""
    events: dict[int, OrderEvent] = {}
    rejected: list[tuple[int, Reason]] = []
    for place, (document, key) in enumerate(zip(some, keys, strict=True)):
        try:
            events[place] = event_of(document, key, INTAKE)
        except Rejected as refused:
            rejected.append((place, refused.reason))
    return events, rejected


def check(some: list[OrderDocument], keys: list[bytes | None]) -> None:
    batch, refused = batching.batch_of(said(some, keys), INTAKE)
    events, rejected = one_by_one(some, keys)
    assert [(place, reason.reason) for place, reason in refused] == rejected
    expected = batch_of(list(events.values()))
    for name in ("kind", "at", "amount", "digest", "key", "order"):
        assert getattr(batch, name).tolist() == getattr(expected, name).tolist(), name
    assert batch.ids == expected.ids
    assert batch.order_ids == expected.order_ids
    assert batch.offset.tolist() == [place + 100 for place in events]
    assert batch.stamp.tolist() == [place + 1_000 for place in events]


@settings(max_examples=300)
@given(st.lists(st.tuples(documents, st.sampled_from([None, b"", b"a", b"\xff"])), max_size=5))
def test_any_documents_are_read_as_one_at_a_time(pairs):
    check([document for document, _ in pairs], [key for _, key in pairs])


@given(st.lists(plain | documents, max_size=8))
def test_plain_ones_among_others_are_read_as_one_at_a_time(some):
    check(some, [key_of(document) for document in some])


def test_plain_documents_are_not_read_one_at_a_time(monkeypatch):
    monkeypatch.setattr(batching, "event_of", None)
    some = [OrderDocument("order", "a", "o1", None, "12.34", None, "2026-01-02T03:04:05Z")] * 3
    batch, refused = batching.batch_of(said(some, [b"a"] * 3), INTAKE)
    assert (batch.amount.tolist(), refused) == ([12_340_000] * 3, [])


def test_a_float_is_read_again_exactly_where_its_digits_may_be_lost():
    document = OrderDocument("order", "a", "o1", None, 123456789012.12346, None, START // 1000)
    exactly = OrderDocument("order", "a", "o1", None, "123456789012.123456", None, START // 1000)
    documents = Documents([document], [b"a"], np.arange(1), np.arange(1), exactly=lambda _: exactly)
    assert batching.batch_of(documents, INTAKE)[0].amount.tolist() == [123_456_789_012_123_456]


@pytest.mark.parametrize("ts", [0, 1 << 46, 1 << 47, 1 << 54, 1 << 60, 1 << 62, 1 << 70, -1])
def test_any_number_of_milliseconds_is_read_as_alone(ts):
    check([OrderDocument("order", "a", "o1", None, "1", None, ts)] * 2, [b"a"] * 2)


@pytest.mark.parametrize("own_id", ["x" * 64, "x" * 65, "x" * 256, "x" * 257, "€" * 64, "€" * 85, "€" * 86])
def test_an_id_of_any_length_is_read_as_alone(own_id):
    ts = START // 1000
    check([OrderDocument("order", own_id, "o1", None, "1", None, ts)], [own_id.encode()])
    check([OrderDocument("order", "a", own_id, None, "1", None, ts)], [b"a"])


def test_nothing_is_an_empty_batch():
    batch, refused = batching.batch_of(said([], []), INTAKE)
    assert (len(batch), refused) == (0, [])


def test_an_order_and_its_refund_share_the_hash_of_the_order_and_not_of_the_event():
    some = [
        OrderDocument("order", "a", "o1", None, "5", None, START // 1000),
        OrderDocument("refund", "a", "o1", "o1", "5", None, START // 1000),
        OrderDocument("refund", "a", "o1", None, "5", None, START // 1000),
    ]
    batch, _ = batching.batch_of(said(some, [b"a"] * 3), INTAKE)
    order, own, without = batch.key.tolist()
    assert len(set(batch.order.tolist())) == 1
    assert own != order == without
    assert batch.kind.tolist() == [Kind.ORDER, Kind.REFUND, Kind.REFUND]
    assert batch.amount.tolist() == [5 * UNIT] * 3
