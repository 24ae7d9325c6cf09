from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fold import KINDS, VERSIONS, WINDOWS

from events import batch_of, histories
from stream_rfm.model import instant
from stream_rfm.model.grid import load
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table import journal as journal_module
from stream_rfm.table.fold import fold
from stream_rfm.table.journal import Journal
from stream_rfm.table.rescoring import Rescoring
from stream_rfm.table.restore import Restore
from stream_rfm.table.store import Store

PLAIN = [name for name in journal_module._PLAIN]


def facts(store):
    customers = store.customers
    return {
        customers.id_of(row): {
            name: int(getattr(customers, name)[row]) for name in [*PLAIN, "frequency", "monetary"]
        }
        for row in np.flatnonzero(customers.is_somebody())
    }


def transitions(changes, rules):
    return [t for moves in changes.moves for t in moves.transitions(rules.grid)]


@settings(max_examples=600, deadline=None)
@given(
    histories(kinds=KINDS),
    histories(kinds=KINDS, days=20),
    st.sampled_from(VERSIONS),
    st.sampled_from(WINDOWS),
    st.lists(st.integers(1, 9), min_size=1),
    st.integers(1, 3),
)
def test_a_restored_store_goes_on_like_the_one_that_was_written(
    history, later, version, window, sizes, small
):
    rules = Rules(grid=load("three-level"), window=window, dedupe=2 * instant.DAY)
    store = Store(rules)
    journal = Journal(store)
    journal_module._SMALL, journal_module._RUN, journal_module._LEAST_FORGOTTEN = 10, 2 + small, 3
    log = {}
    current, low, index = version, 0, 0
    clock = np.maximum.accumulate([event.at for event in history])
    while low < len(history):
        high = low + sizes[index % len(sizes)]
        changes = fold(store, batch_of(history[low:high]), clock[low:high], current)
        low, index = high, index + 1
        if index % 3 == 0:
            current, old = Version(index, int(clock[min(high, len(clock)) - 1]), 9, VERSIONS[0].cuts), current
            rescoring = Rescoring(store, old, current)
            while not rescoring.done:
                rescoring.step(2)
        for key, value in journal.records(changes.erased, current.as_of):
            # As a compacted topic does: the last value of a key, at its own place.
            log.pop(key, None)
            if value is not None:
                log[key] = value

    restore = Restore()
    restore.add(log.items())
    twin, twin_journal = restore.finish(
        rules, store.customers.count, store.entries.next, current.as_of
    )
    assert facts(twin) == facts(store)
    assert [(b.first, b.count, b.newest) for b in twin_journal._blocks] == [
        (b.first, b.count, b.newest) for b in journal._blocks
    ]
    shift = int(clock[-1]) - min(event.at for event in later)
    later = [
        type(event)(event.kind, event.customer_id, event.at + shift, event.order_id, event.refund_id, event.amount)
        for event in later
    ]
    clock = np.maximum.accumulate([event.at for event in later])
    one, other = (fold(s, batch_of(later), clock, current) for s in (store, twin))
    assert transitions(one, rules) == transitions(other, rules)
    assert one.tallies == other.tallies
    assert facts(twin) == facts(store)
