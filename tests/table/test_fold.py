from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Oracle

from events import batch_of, histories, START
from stream_rfm.model import instant
from stream_rfm.model.grid import load
from stream_rfm.model.order import Kind
from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table.fold import fold
from stream_rfm.table.rescoring import Rescoring
from stream_rfm.table.store import Changes, Store
from fractions import Fraction

KINDS = tuple(kind for kind in Kind if kind is not Kind.HEARTBEAT)


def cuts(*numbers):
    return CutPoints.at([Fraction(n) for n in numbers])


VERSIONS = [
    Version(1, START, 9, (cuts(5 * instant.DAY, 10 * instant.DAY), cuts(1, 2), cuts(30_000_000, 60_000_000))),
    Version(1, START, 0, None),
]
WINDOWS = [None, 10 * instant.DAY, instant.DAY // 2]


@settings(max_examples=1000, deadline=None)
@given(
    histories(kinds=KINDS),
    st.sampled_from(VERSIONS),
    st.sampled_from(WINDOWS),
    st.lists(st.integers(1, 25), min_size=1),
    st.booleans(),
)
def test_columns_agree_with_profiles(history, version, window, sizes, ordered):
    rules = Rules(grid=load("three-level"), window=window, dedupe=2 * instant.DAY)
    if not ordered:
        history = history[::-1]
    clock = np.maximum.accumulate([event.at for event in history])
    oracle = Oracle(rules, version)
    for event, as_of in zip(history, clock.tolist(), strict=True):
        oracle.apply(event, as_of)
    end = Version(2, int(clock[-1]) + instant.DAY, 9, VERSIONS[0].cuts)
    oracle.rescore(end)

    store = Store(rules)
    changes = Changes()
    low = 0
    index = 0
    while low < len(history):
        high = low + sizes[index % len(sizes)]
        index += 1
        part = history[low:high]
        changes.add(fold(store, batch_of(part), clock[low:high], version))
        low = high
    rescoring = Rescoring(store, version, end)
    while not rescoring.done:
        changes.add(rescoring.step(3))
    found = [t for moves in changes.moves for t in moves.transitions(rules.grid)]
    assert not changes.rejected
    for customer in {t.customer_id for t in found + oracle.transitions}:
        assert [t for t in found if t.customer_id == customer] == [
            t for t in oracle.transitions if t.customer_id == customer
        ]
