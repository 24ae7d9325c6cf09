from __future__ import annotations

import numpy as np
import pytest
from events import DAY, START, UNIT, batch_of, cancel, enquiry, erase, order, refund
from scorer import GRID, SCORED

from stream_rfm.model import money
from stream_rfm.model.rules import Rules
from stream_rfm.table.counting import Counting
from stream_rfm.table.store import Store

pytestmark = pytest.mark.usefixtures("counting")

RULES = Rules(GRID, window=30 * DAY, dedupe=7 * DAY)


def begun(store: Store, events, rows, day: int = 1) -> Counting:
    """Events of customers who are there, by their rows."""
    batch = batch_of(events)
    for row, place in sorted({row: place for place, row in enumerate(rows)}.items()):
        if row >= store.customers.count:
            store.customers.add(batch.digest[[place]], [batch.ids[place]])
    as_of = np.full(len(events), START + day * DAY)
    return Counting(store, batch, as_of, SCORED, np.array(rows))


def test_only_events_at_the_places_asked_for_are_counted():
    store = Store(RULES)
    counting = begun(store, [order("c0", "x", 0, 30), order("c0", "y", 0, 5), order("c1", "z", 0)], [0, 0, 1])
    assert counting.count(np.array([0, 2])).tolist() == []
    assert store.customers.frequency[:2].tolist() == [1, 1]
    assert counting.count(np.array([1])).tolist() == []
    assert store.customers.frequency[:2].tolist() == [2, 1]
    assert store.customers.monetary[0] == 35 * UNIT


def test_where_sums_might_be_too_large_together_all_are_named_and_none_is_counted():
    store = Store(RULES)
    counting = begun(
        store,
        [order("c0", "x", 0), order("c1", "y", 0, money.LARGEST_SUM // UNIT), order("c1", "z", 0, 1)],
        [0, 1, 1],
    )
    assert counting.count(np.arange(3)).tolist() == [0, 1, 2]
    assert store.customers.frequency[:2].tolist() == [0, 0]
    assert store.entries.count == 0
    assert counting.count(np.array([0])).tolist() == []
    assert store.customers.frequency[:2].tolist() == [1, 0]


def test_purchases_refunds_enquiries_and_copies_change_and_tally_what_they_should():
    store = Store(RULES)
    events = [order("c0", "x", 0, 30), refund("c0", "x", 0, 10), order("c0", "x", 0, 30), enquiry("c1", 0)]
    counting = begun(store, events, [0, 0, 0, 1])
    assert counting.count(np.arange(4)).tolist() == []
    assert store.customers.monetary[0] == 20 * UNIT
    assert store.customers.lifetime_orders[:2].tolist() == [1, 0]
    assert [GRID.names[place] for place in store.customers.segment[:2]][1] == "prospect"
    assert counting.changes.tallies["duplicate"] == 1


def test_a_cancel_takes_back_what_was_counted_and_a_second_one_is_a_duplicate():
    store = Store(RULES)
    events = [order("c0", "x", 0, 30), cancel("c0", "x", 1), cancel("c0", "x", 1)]
    counting = begun(store, events, [0, 0, 0])
    counting.count(np.array([0]))
    counting.cancel(1)
    assert (store.customers.frequency[0], store.customers.monetary[0]) == (0, 0)
    assert counting.changes.tallies["duplicate"] == 0
    counting.cancel(2)
    assert counting.changes.tallies["duplicate"] == 1


def test_a_cancel_does_not_take_what_leaves_the_window_by_itself():
    store = Store(RULES)
    begun(store, [order("c0", "x", 0, 30), order("c0", "y", 20, 5)], [0, 0], day=20).count(np.arange(2))
    begun(store, [cancel("c0", "x", 31)], [0], day=31).cancel(0)
    assert (store.customers.frequency[0], store.customers.monetary[0]) == (1, 5 * UNIT)


def test_who_is_erased_is_said_to_be():
    store = Store(RULES)
    counting = begun(store, [order("c0", "x", 0), erase("c0", 1)], [0, 0])
    counting.count(np.array([0]))
    counting.erase(1, 0)
    assert counting.changes.erased == [b"c0"]
    assert not store.customers.is_somebody().any()
