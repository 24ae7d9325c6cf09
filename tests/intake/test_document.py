from __future__ import annotations

from decimal import Decimal

import pytest
from events import DAY, START, UNIT

from stream_rfm.intake.document import Intake, OrderDocument, event_of
from stream_rfm.model.order import Kind, OrderEvent, Reason, Rejected

INTAKE = Intake("EUR", START + DAY, {"USD": Decimal("0.9"), "BIG": Decimal(10**6)})
GOOD = {
    "customer_id": "c-1",
    "order_id": "o-1",
    "amount": "12.34",
    "ts": "2026-01-01T00:00:00Z",
}
KEY = b"c-1"


def event(key: bytes | None = KEY, **fields) -> OrderEvent:
    return event_of(OrderDocument(**{**GOOD, **fields}), key, INTAKE)


def reason(key: bytes | None = KEY, **fields) -> Reason:
    with pytest.raises(Rejected) as refused:
        event(key, **fields)
    return refused.value.reason


def test_an_order_is_read():
    assert event() == OrderEvent(Kind.ORDER, "c-1", START, "o-1", None, 12_340_000)


def test_a_refund_may_have_an_id_of_its_own():
    read = event(type="refund", refund_id="r-1", currency="EUR")
    assert read == OrderEvent(Kind.REFUND, "c-1", START, "o-1", "r-1", 12_340_000)
    assert event(type="refund").refund_id is None


def test_only_a_refund_has_a_refund_id():
    assert event(refund_id="r-1").refund_id is None


@pytest.mark.parametrize("kind", ["cancel", "enquiry", "erase"])
def test_what_needs_no_amount_has_none(kind):
    assert event(type=kind, amount="not read").amount == 0
    assert event(type=kind, amount=None).amount == 0


@pytest.mark.parametrize("kind", ["enquiry", "erase"])
def test_what_concerns_no_order_may_name_one(kind):
    assert event(type=kind, order_id=None).order_id is None
    assert event(type=kind).order_id == "o-1"


def test_a_heartbeat_has_a_time_and_needs_nothing_else():
    document = OrderDocument(type="heartbeat", ts=1_000)
    assert event_of(document, None, INTAKE) == OrderEvent(Kind.HEARTBEAT, "", 1_000_000)
    assert event(None, type="heartbeat").customer_id == ""


def test_a_time_may_be_milliseconds():
    assert event(ts=START // 1000).at == START


def test_other_currencies_are_converted_by_the_configured_rate():
    assert event(amount="10", currency="USD").amount == 9 * UNIT


@pytest.mark.parametrize("amount", [0, 0.0, "0", 12, 12.5, "1e2"])
def test_an_amount_may_be_text_or_a_number_and_may_be_nothing(amount):
    assert event(amount=amount).amount == Decimal(str(amount)) * UNIT


@pytest.mark.parametrize("field", ["customer_id", "order_id", "amount", "ts"])
def test_a_field_that_is_missing(field):
    assert reason(**{field: None}) is Reason.MISSING_FIELD


@pytest.mark.parametrize("kind", ["refund", "cancel"])
def test_a_refund_or_cancel_without_an_order(kind):
    assert reason(type=kind, order_id=None) is Reason.MISSING_FIELD


def test_a_heartbeat_without_a_time():
    assert reason(type="heartbeat", ts=None) is Reason.MISSING_FIELD


@pytest.mark.parametrize("kind", ["", "Order", "purchase", "order "])
def test_an_unknown_type(kind):
    assert reason(type=kind) is Reason.UNKNOWN_TYPE


@pytest.mark.parametrize("field", ["customer_id", "order_id", "refund_id"])
@pytest.mark.parametrize("value", ["", "x" * 257, "€" * 86, "x" * 10_000])
def test_an_id_that_is_empty_or_too_long(field, value):
    assert reason(type="refund", **{field: value}) is Reason.INVALID_ID


@pytest.mark.parametrize("field", ["order_id", "refund_id"])
@pytest.mark.parametrize("value", ["x", "x" * 256, "€" * 85, " ", "\0"])
def test_an_id_may_be_anything_of_1_to_256_bytes(field, value):
    assert getattr(event(type="refund", **{field: value}), field) == value


def test_the_key_is_the_customer_id():
    assert reason(None) is Reason.KEY_MISSING
    assert reason(b"") is Reason.KEY_MISMATCH
    assert reason(b"c-2") is Reason.KEY_MISMATCH
    assert reason(b"\xff") is Reason.KEY_MISMATCH
    assert event("ü".encode(), customer_id="ü").customer_id == "ü"


@pytest.mark.parametrize(
    "amount",
    [
        "",
        "x",
        "NaN",
        "inf",
        "1e400",
        "1e999999",
        "9" * 30,
        "1000000000000.01",
        "-0.01",
        -1,
        -0.5,
        float("nan"),
        float("inf"),
        10**400,
        "1_0",
        " 1",
        "1,5",
    ],
)
def test_an_amount_that_is_none(amount):
    assert reason(amount=amount) is Reason.INVALID_AMOUNT


def test_an_amount_that_is_too_large_in_the_base_currency():
    assert reason(amount="10000000", currency="BIG") is Reason.INVALID_AMOUNT


@pytest.mark.parametrize("currency", ["GBP", "", "eur", "EURO"])
def test_a_currency_without_a_rate(currency):
    assert reason(currency=currency) is Reason.UNKNOWN_CURRENCY


@pytest.mark.parametrize("ts", ["", "yesterday", "1969-12-31T23:59:59Z", -1, 10**18, 10**40, "1767323045000"])
def test_a_time_that_is_none(ts):
    assert reason(ts=ts) is Reason.INVALID_TIME


def test_a_time_in_the_future():
    assert event(ts="2026-01-02T00:00:00Z").at == INTAKE.latest
    assert reason(ts="2026-01-02T00:00:00.000001Z") is Reason.FUTURE_TIME
    assert reason(ts=32_503_680_000_000) is Reason.FUTURE_TIME


def test_no_detail_tells_who_it_was():
    for fields in ({"order_id": None}, {"amount": "x"}, {"currency": "GBP"}, {"ts": "x"}, {"type": "x"}):
        with pytest.raises(Rejected) as refused:
            event(b"other", **fields)
        assert "c-1" not in str(refused.value)
