"""The order event as it is written, and the rules for one: ``schemas/order.v1.json`` in code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from stream_rfm.model import instant, money
from stream_rfm.model.order import (
    HAS_AMOUNT,
    KINDS,
    LONGEST_ID,
    NAMES_ORDER,
    Kind,
    OrderEvent,
    Reason,
    Rejected,
)

Scalar = str | int | float | bool | None


class OrderDocument(msgspec.Struct, gc=False):
    """The fields of an order event, as they stand in the document; unknown ones are ignored."""

    type: str = "order"
    customer_id: str | None = None
    order_id: str | None = None
    refund_id: str | None = None
    amount: str | int | float | None = None
    currency: str | None = None
    ts: str | int | None = None
    attributes: dict[str, Scalar] | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """What documents are read with.

    Attributes:
        currency: the base currency.
        rates: units of the base currency that one unit of another is worth.
        latest: the last instant that is not in the future.
    """

    currency: str
    latest: int
    rates: Mapping[str, Decimal] = field(default_factory=dict)


def event_of(document: OrderDocument, key: bytes | None, intake: Intake) -> OrderEvent:
    """The event that a document says.

    Args:
        document: its fields.
        key: the key of its record.
        intake: what to read it with.

    Raises:
        Rejected: it breaks a rule; carries the reason.
    """
    kind = KINDS.get(document.type)
    if kind is None:
        raise Rejected(Reason.UNKNOWN_TYPE, f"type is none of {', '.join(KINDS)}")
    at = _instant(document.ts, intake.latest)
    if kind is Kind.HEARTBEAT:
        return OrderEvent(kind, "", at)
    return OrderEvent(
        kind=kind,
        customer_id=_customer(document.customer_id, key),
        at=at,
        order_id=_id("order_id", document.order_id, required=kind in NAMES_ORDER),
        refund_id=_id("refund_id", document.refund_id, required=False) if kind is Kind.REFUND else None,
        amount=_amount(document, intake) if kind in HAS_AMOUNT else 0,
    )


def _instant(ts: str | int | None, latest: int) -> int:
    if ts is None:
        raise Rejected(Reason.MISSING_FIELD, "ts is missing")
    try:
        at = instant.parse(ts)
    except (ValueError, OverflowError):
        raise Rejected(
            Reason.INVALID_TIME, "ts is neither ISO 8601 nor milliseconds, from 1970 to 9999"
        ) from None
    if at > latest:
        raise Rejected(Reason.FUTURE_TIME, "ts lies in the future")
    return at


def _customer(customer_id: str | None, key: bytes | None) -> str:
    customer = _id("customer_id", customer_id, required=True) or ""
    if key is None:
        raise Rejected(Reason.KEY_MISSING, "the record has no key; it must be the customer_id")
    if key != customer.encode():
        raise Rejected(Reason.KEY_MISMATCH, "the record's key is not its customer_id")
    return customer


def _id(name: str, value: str | None, *, required: bool) -> str | None:
    if value is None:
        if required:
            raise Rejected(Reason.MISSING_FIELD, f"{name} is missing")
        return None
    if not 1 <= len(value.encode()) <= LONGEST_ID:
        raise Rejected(Reason.INVALID_ID, f"{name} must have 1 to {LONGEST_ID} bytes")
    return value


def _amount(document: OrderDocument, intake: Intake) -> int:
    if document.amount is None:
        raise Rejected(Reason.MISSING_FIELD, "amount is missing")
    try:
        amount = money.parse(document.amount)
    except ValueError:
        raise Rejected(
            Reason.INVALID_AMOUNT, f"amount is not a decimal number up to {money.LARGEST // money.MICROS}"
        ) from None
    if amount < 0:
        raise Rejected(Reason.INVALID_AMOUNT, "amount is negative")
    if document.currency in {None, intake.currency}:
        return amount
    rate = intake.rates.get(document.currency or "")
    if rate is None:
        raise Rejected(Reason.UNKNOWN_CURRENCY, "currency has no rate in the settings")
    converted = money.converted(amount, rate)
    if converted > money.LARGEST:
        raise Rejected(Reason.INVALID_AMOUNT, "amount is too large in the base currency")
    return converted
