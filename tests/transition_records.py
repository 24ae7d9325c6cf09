"""Transitions as records, from the model that the worker publishes them with."""

from __future__ import annotations

import json

from broker import Message

from stream_rfm.model import grid, instant, transition
from stream_rfm.model.rules import Rules
from stream_rfm.model.transition import Cause, Standing, Transition

RULES = Rules(grid.load("classic-5"))
AT = instant.parse("2026-01-02T03:04:05Z")


def moved(
    customer: str, sequence: int = 1, source: str | None = None, target: str | None = "new"
) -> Transition:
    """A transition of a customer."""
    standing = Standing(r=5, f=1, m=1, recency=instant.DAY // 2, frequency=1, monetary=12_340_000)
    return Transition(
        customer_id=customer,
        sequence=sequence,
        source=source,
        target=target,
        cause=Cause.ORDER if target else Cause.ERASE,
        order_id="o-1",
        before=standing if source else None,
        after=standing if target else None,
        quantiles_version=7,
        effective_at=AT,
    )


def message(made: Transition, partition: int | None = None, **more: object) -> Message:
    """The record of a transition."""
    document = transition.to_document(made, RULES, AT + instant.SECOND) | more
    headers = {
        "ce_specversion": "1.0",
        "ce_type": "stream-rfm.segment.transition.v1",
        "ce_source": "/stream-rfm/test",
        "ce_id": made.event_id,
        "ce_time": instant.iso(AT),
        "ce_subject": made.customer_id,
        "content-type": "application/json",
    }
    return Message(
        key=made.customer_id.encode(),
        value=json.dumps(document).encode(),
        headers=[(name, value.encode()) for name, value in headers.items()],
        partition=partition,
    )
