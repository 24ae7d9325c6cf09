from __future__ import annotations

import numpy as np
import pytest
from events import DAY, START, batch_of, enquiry, order, refund
from scorer import GRID

from stream_rfm.model.order import Kind
from stream_rfm.model.rules import Rules
from stream_rfm.table.entries import INSIDE
from stream_rfm.table.remembering import remember
from stream_rfm.table.store import Store


@pytest.fixture
def store():
    made = Store(Rules(GRID, window=10 * DAY, dedupe=20 * DAY))
    made.customers.add(np.array([[1, 1], [2, 2]], np.uint64), [b"c0", b"c1"])
    made.take_touched()
    return made


def remembered(store, events, rows, day, where=None):
    batch, count = batch_of(events), len(events)
    as_of = np.full(count, START + day * DAY)
    places = np.arange(count) if where is None else np.array(where)
    return remember(store, batch, np.array(rows), places, as_of, as_of - store.rules.retention).tolist()


def test_purchases_and_refunds_are_entries_and_enquiries_are_none(store):
    events = [order("c0", "x", 0, 30), enquiry("c1", 0), refund("c0", "x", 1, 10)]
    assert remembered(store, events, [0, 1, 0], 1) == [True, False, True]
    entries = store.entries
    assert entries.amount[: entries.count].tolist() == [30_000_000, -10_000_000]
    assert entries.kind[: entries.count].tolist() == [Kind.ORDER, Kind.REFUND]
    assert entries.row[: entries.count].tolist() == [0, 0]


def test_what_is_older_than_the_window_is_remembered_outside_of_it(store):
    assert remembered(store, [order("c0", "x", 0), order("c0", "y", 15)], [0, 0], 15) == [False, True]
    assert [flags & INSIDE for flags in store.entries.flags[:2].tolist()] == [0, INSIDE]


def test_what_is_older_than_all_that_is_remembered_is_only_noted_of_its_customer(store):
    assert remembered(store, [order("c1", "x", 0), order("c0", "y", 29)], [1, 0], 30) == [False, True]
    assert store.entries.count == 1
    assert store.customers.last_forgotten[1] == START
    assert store.take_touched().tolist() == [1]


def test_only_some_places_are_looked_at(store):
    events = [order("c0", "x", 0), order("c0", "y", 0), order("c1", "z", 0)]
    assert remembered(store, events, [0, 0, 1], 1, [0, 2]) == [True, True]
    assert store.entries.row[:2].tolist() == [0, 1]


def test_a_refund_with_an_id_of_its_own_is_found_by_its_order(store):
    events = [order("c0", "x", 0), refund("c0", "x", 0, refund_id="r")]
    remembered(store, events, [0, 0], 1)
    [(number, of)] = store.take_refunds()
    assert (number, of) == (1, int(batch_of(events).order[0]))
