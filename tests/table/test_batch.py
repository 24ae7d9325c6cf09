from __future__ import annotations

import numpy as np
from events import batch_of, cancel, heartbeat, order, refund

EVENTS = [order("c0", "a", 1), heartbeat(2), refund("c1", "b", 3, 5, "r"), cancel("c0", "a", 4)]


def same(one, other) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("kind", "at", "amount", "digest", "key", "order", "ids", "order_ids")
    )


def test_a_slice_is_the_batch_of_those_events():
    part = batch_of(EVENTS)[1:3]
    assert same(part, batch_of(EVENTS[1:3]))
    assert part.offset.tolist() == [1, 2]
    assert len(part) == 2


def test_events_are_taken_by_their_places():
    assert same(batch_of(EVENTS).take(np.array([3, 0])), batch_of([EVENTS[3], EVENTS[0]]))
