"""Order events: what happens to a customer, and why an event is refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

#: The longest customer id, order id or refund id, in bytes of UTF-8.
LONGEST_ID = 256


class Kind(IntEnum):
    """The kinds of order events; the number is what columns hold."""

    ORDER = 0
    REFUND = 1
    CANCEL = 2
    ENQUIRY = 3
    ERASE = 4
    HEARTBEAT = 5


#: The kinds by the name that an event says in ``type``.
KINDS = {kind.name.lower(): kind for kind in Kind}

#: Kinds that name an order, and kinds that carry an amount.
NAMES_ORDER = frozenset({Kind.ORDER, Kind.REFUND, Kind.CANCEL})
HAS_AMOUNT = frozenset({Kind.ORDER, Kind.REFUND})


class Reason(StrEnum):
    """Why a record is a dead letter."""

    TOMBSTONE = "tombstone"
    INVALID_DOCUMENT = "invalid-document"
    MISSING_FIELD = "missing-field"
    WRONG_TYPE = "wrong-type"
    UNKNOWN_TYPE = "unknown-type"
    INVALID_ID = "invalid-id"
    KEY_MISSING = "key-missing"
    KEY_MISMATCH = "key-mismatch"
    INVALID_AMOUNT = "invalid-amount"
    UNKNOWN_CURRENCY = "unknown-currency"
    INVALID_TIME = "invalid-time"
    FUTURE_TIME = "future-time"
    SUM_TOO_LARGE = "sum-too-large"


class Rejected(Exception):  # noqa: N818 - what happened to the event, not an error of the program
    """An event that cannot count; carries its :class:`Reason`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One valid event.

    Attributes:
        kind: what happened.
        customer_id: whom it concerns; empty for a heartbeat.
        at: when, an instant in microseconds.
        order_id: the purchase that it is (order) or names (refund, cancel).
        refund_id: the refund's own id, where it has one.
        amount: millionths of the base currency, never negative.
    """

    kind: Kind
    customer_id: str
    at: int
    order_id: str | None = None
    refund_id: str | None = None
    amount: int = 0
