"""Batches of columns out of plain events, and histories to try things on."""

from __future__ import annotations

import numpy as np
import xxhash
from hypothesis import strategies as st

from stream_rfm.model import instant
from stream_rfm.model.order import Kind, OrderEvent
from stream_rfm.table.batch import Batch


def hash_of(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode())


def batch_of(events: list[OrderEvent]) -> Batch:
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


HOUR = 3600 * instant.SECOND
START = instant.parse("2026-01-01T00:00:00Z")


@st.composite
def histories(draw, *, max_size: int = 60, kinds=tuple(Kind), days: int = 30, in_order: bool = True):
    """Events of a few customers over some weeks; ids repeat so that duplicates and cancels meet."""
    size = draw(st.integers(1, max_size))
    events = []
    for _ in range(size):
        kind = draw(st.sampled_from(kinds))
        events.append(
            OrderEvent(
                kind=kind,
                customer_id="" if kind is Kind.HEARTBEAT else f"c{draw(st.integers(0, 5))}",
                at=START + draw(st.integers(0, days * 24)) * HOUR,
                order_id=None
                if kind in {Kind.HEARTBEAT, Kind.ENQUIRY, Kind.ERASE}
                else f"o{draw(st.integers(0, 12))}",
                refund_id=f"r{draw(st.integers(0, 3))}"
                if kind is Kind.REFUND and draw(st.booleans())
                else None,
                amount=draw(st.integers(0, 50)) * 1_000_000 if kind in {Kind.ORDER, Kind.REFUND} else 0,
            )
        )
    return sorted(events, key=lambda event: event.at) if in_order else events
