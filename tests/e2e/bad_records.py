"""Records of the orders topic that somebody might send, each with the reason why it cannot count, if any."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import NamedTuple

import msgpack
from shop import MARK, START, iso

from stream_rfm.model.order import Reason

#: When everything here happens, but for what says otherwise.
AT = iso(START + timedelta(hours=12))
_MESSAGEPACK = ("content-type", b"application/msgpack")


class Case(NamedTuple):
    """A record.

    Attributes:
        name: what is special about it.
        reason: why it is a dead letter; ``None`` where it counts.
    """

    name: str
    reason: Reason | None
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = []  # noqa: RUF012 - nobody changes it


def order(customer: str, number: str, **fields: object) -> dict[str, object]:
    return {"customer_id": customer, "order_id": number, "amount": "10.00", "ts": AT} | fields


def _case(name: str, reason: Reason | None, **fields: object) -> Case:
    """An order that is as it should be, but for some fields; those that are ``None`` are left out."""
    customer = f"{MARK}-{name}"
    said = {key: value for key, value in order(customer, name, **fields).items() if value is not None}
    return Case(name, reason, customer.encode(), json.dumps(said).encode())


def _raw(name: str, reason: Reason | None, value: bytes | None, *headers: tuple[str, bytes]) -> Case:
    return Case(name, reason, f"{MARK}-{name}".encode(), value, list(headers))


def _json(name: str, reason: Reason | None, text: str) -> Case:
    """JSON text with the customer's id in the place of ``%``."""
    return _raw(name, reason, text.replace("%", f"{MARK}-{name}").encode())


def cases() -> list[Case]:
    """Every kind of record."""
    return [*_documents(), *_fields(), *_money(), *_times(), *_keys(), *_large()]


def _documents() -> list[Case]:
    packed = msgpack.packb(order(f"{MARK}-packed", "packed"))
    return [
        _raw("no-json", Reason.INVALID_DOCUMENT, b"<order/>"),
        _raw("nothing", Reason.INVALID_DOCUMENT, b""),
        _raw("half", Reason.INVALID_DOCUMENT, b'{"customer_id":', ("trace", b"\x00\xff")),
        _raw("no-utf-8", Reason.INVALID_DOCUMENT, b'{"customer_id":"\xff\xfe","ts":1}'),
        _raw("surrogate", Reason.INVALID_DOCUMENT, rb'{"customer_id":"\ud800","ts":1}'),
        _raw("deep", Reason.INVALID_DOCUMENT, b'{"x":' + b"[" * 20_000),
        _raw("list", Reason.WRONG_TYPE, b"[1, 2]"),
        _raw("tombstone", Reason.TOMBSTONE, None),
        _raw("broken-packed", Reason.INVALID_DOCUMENT, packed[:-3], _MESSAGEPACK),
        _raw("json-as-packed", Reason.WRONG_TYPE, b'{"ts":1}', _MESSAGEPACK),
        _raw("packed", None, packed, _MESSAGEPACK),
        _case(
            "unknown-field",
            None,
            colour="red",
            attributes={"shop": "s\N{LATIN SMALL LETTER U WITH DIAERESIS}d"},
        ),
    ]


def _fields() -> list[Case]:
    return [
        _case("number-as-id", Reason.WRONG_TYPE, order_id=17),
        _case("text-as-list", Reason.WRONG_TYPE, currency=["EUR"]),
        _case("nested-attributes", Reason.WRONG_TYPE, attributes={"a": {"b": 1}}),
        _case("no-order-id", Reason.MISSING_FIELD, order_id=None),
        _case("no-amount", Reason.MISSING_FIELD, amount=None),
        _case("no-ts", Reason.MISSING_FIELD, ts=None),
        _case("no-customer", Reason.MISSING_FIELD, customer_id=None),
        _case("empty-order-id", Reason.INVALID_ID, order_id=""),
        _case("long-order-id", Reason.INVALID_ID, order_id="o" * 10_000),
        _case("unknown-type", Reason.UNKNOWN_TYPE, type="gift"),
        _case("unknown-currency", Reason.UNKNOWN_CURRENCY, currency="XTS"),
        _case("enquiry", None, type="enquiry", amount=None, order_id=None),
    ]


def _money() -> list[Case]:
    head = f'{{"customer_id":"%","order_id":"o","ts":"{AT}","amount":'
    return [
        _json("nan", Reason.INVALID_DOCUMENT, head + "NaN}"),
        _json("infinite-number", Reason.INVALID_AMOUNT, head + "1e400}"),
        _json("many-digits", Reason.INVALID_AMOUNT, head + "123456789012345678901234567890}"),
        _case("nan-text", Reason.INVALID_AMOUNT, amount="NaN"),
        _case("infinite-text", Reason.INVALID_AMOUNT, amount="1e400"),
        _case("many-digits-text", Reason.INVALID_AMOUNT, amount="9" * 30),
        _case("negative", Reason.INVALID_AMOUNT, amount="-0.01"),
        _case("negative-number", Reason.INVALID_AMOUNT, amount=-5),
        _case("no-amount-at-all", Reason.INVALID_AMOUNT, amount="ten"),
        _json("exact-number", None, head + "12.34}"),
        _case("nothing-paid", None, amount="0"),
    ]


def _times() -> list[Case]:
    return [
        _case("yesterday", Reason.INVALID_TIME, ts="yesterday"),
        _case("before-1970", Reason.INVALID_TIME, ts="1969-12-31T23:59:59Z"),
        _case("negative-ts", Reason.INVALID_TIME, ts=-1),
        _case("endless-ts", Reason.INVALID_TIME, ts=10**18),
        _case("fraction-ts", Reason.WRONG_TYPE, ts=1.5),
        _case("far-future", Reason.FUTURE_TIME, ts="9999-12-31T00:00:00Z"),
        _case("far-future-ms", Reason.FUTURE_TIME, ts=200_000_000_000_000),
        _case("first-instant", None, ts="1970-01-01T00:00:00Z"),
        _case("other-offset", None, ts=AT.replace("Z", "+05:30")),
    ]


def _keys() -> list[Case]:
    mine = json.dumps(order("c-1", "o-1")).encode()
    empty = json.dumps(order("", "o-1")).encode()
    long = json.dumps(order("c" * 10_000, "o-1")).encode()
    return [
        Case("no-key", Reason.KEY_MISSING, None, mine),
        Case("key-of-another", Reason.KEY_MISMATCH, b"c-2", mine),
        Case("key-no-utf-8", Reason.KEY_MISMATCH, b"\xff", mine),
        Case("empty-id", Reason.INVALID_ID, b"", empty),
        Case("long-id", Reason.INVALID_ID, b"c" * 10_000, long),
    ]


def _large() -> list[Case]:
    large = "x" * 900_000
    return [
        _case("large", None, attributes={"note": large}),
        _case("large-and-bad", Reason.INVALID_TIME, ts="never", attributes={"note": large}),
    ]
