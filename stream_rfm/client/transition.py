"""A change of segment, as a subscriber gets it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

#: The ``ce_type`` of the events that are read here.
EVENT_TYPE = "stream-rfm.segment.transition.v1"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a customer stood at an instant.

    Attributes:
        r: score of recency; ``None`` in a segment without scores, and so are ``f``, ``m`` and ``code``.
        f: score of frequency.
        m: score of monetary value.
        code: the three scores as one text.
        recency_days: age of the last purchase; ``None`` when there never was one.
        frequency: purchases inside the window.
        monetary: purchases minus refunds inside the window.
    """

    r: int | None
    f: int | None
    m: int | None
    code: str | None
    recency_days: float | None
    frequency: int
    monetary: Decimal


@dataclass(frozen=True, slots=True)
class SegmentTransition:
    """One customer's change of segment.

    Attributes:
        ce_id: the same however often the event is delivered: deduplicate by it.
        ce_type: what it is and in which version.
        ce_source: the deployment that it comes from.
        ce_time: the instant that the change holds from.
        ce_subject: whom it is about.
        customer_id: who.
        sequence: which of the customer's changes it is, from 1 without holes.
        source: the segment left (``from``); ``None`` the first time.
        target: the segment entered (``to``); ``None`` when the customer was erased.
        direction: ``up``, ``down``, ``lateral``, ``entered`` or ``left``.
        cause: what made it: ``order``, ``refund``, ``cancel``, ``decay``, ``quantiles``, ``config``,
            ``backfill`` or ``erase``.
        order_id: the order that the causing event names, where there is one.
        before: how the customer stood; ``None`` the first time.
        after: how the customer stands; ``None`` when erased.
        quantiles_version: the version of the cut points that was scored with.
        effective_at: the instant that the change holds from.
        detected_at: when it was found out.
        advice: what to do for the customers of the new segment; may be empty.
        raw: the event's value as it came, with fields that a later version may add.
    """

    ce_id: str
    ce_type: str
    ce_source: str
    ce_time: datetime | None
    ce_subject: str | None
    customer_id: str
    sequence: int
    source: str | None
    target: str | None
    direction: str
    cause: str
    order_id: str | None
    before: Standing | None
    after: Standing | None
    quantiles_version: int
    effective_at: datetime
    detected_at: datetime | None
    advice: str
    raw: Mapping[str, Any] = field(repr=False, compare=False)


def read(headers: Mapping[str, bytes | None], value: bytes | None) -> SegmentTransition:
    """The transition that a record holds.

    Args:
        headers: the record's headers by name; one without a value is none.
        value: its value.

    Raises:
        ValueError: the record holds none that this version can read.
    """
    texts = {name: text for name, text in headers.items() if text is not None}
    kind = texts.get("ce_type", b"").decode()
    if kind != EVENT_TYPE:
        raise ValueError(f"its ce_type is {kind!r}, not {EVENT_TYPE!r}")
    try:
        said = json.loads(value or b"")
        return SegmentTransition(
            ce_id=texts["ce_id"].decode(),
            ce_type=kind,
            ce_source=texts["ce_source"].decode(),
            ce_time=_instant(texts["ce_time"].decode() if "ce_time" in texts else None),
            ce_subject=texts["ce_subject"].decode() if "ce_subject" in texts else None,
            customer_id=said["customer_id"],
            sequence=said["sequence"],
            source=said["from"],
            target=said["to"],
            direction=said["direction"],
            cause=said["cause"],
            order_id=said["order_id"],
            before=_standing(said["before"]),
            after=_standing(said["after"]),
            quantiles_version=said["quantiles_version"],
            effective_at=datetime.fromisoformat(said["effective_at"]),
            detected_at=_instant(said["detected_at"]),
            advice=said["advice"],
            raw=said,
        )
    except (KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"it has not the fields of a transition: {type(error).__name__} {error}") from None


def _standing(said: Mapping[str, Any] | None) -> Standing | None:
    if said is None:
        return None
    return Standing(
        r=said["r"],
        f=said["f"],
        m=said["m"],
        code=said["code"],
        recency_days=said["recency_days"],
        frequency=said["frequency"],
        monetary=Decimal(said["monetary"]),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
