from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from events import DAY, START, UNIT, batch_of, order, refund

from stream_rfm.model.grid import load
from stream_rfm.model.order import Reason
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table.entries import INSIDE
from stream_rfm.table.fold import fold
from stream_rfm.table.store import Changes, Store

RULES = Rules(load("three-level"))
NOBODY_SCORED = Version(0, START)


def folded(*events, rules: Rules = RULES) -> Store:
    store = Store(rules)
    clock = np.full(len(events), START + 10 * DAY)
    fold(store, batch_of(events), clock, NOBODY_SCORED)
    return store


def test_changes_are_put_behind_one_another():
    one = Changes(changed=[np.array([4, 1])], erased=[b"a"], rejected=[(0, Reason.SUM_TOO_LARGE)])
    one.tallies["duplicate"] = 2
    other = Changes(changed=[np.array([1, 2])], erased=[b"b"])
    other.tallies["duplicate"] = 3
    one.add(other)
    assert one.rows().tolist() == [1, 2, 4]
    assert (one.erased, one.rejected) == ([b"a", b"b"], [(0, Reason.SUM_TOO_LARGE)])
    assert one.tallies == {"duplicate": 5}


def test_rows_that_were_asked_for_are_joined_by_what_comes_later():
    changes = Changes(changed=[np.array([4, 1, 4])])
    assert changes.rows().tolist() == changes.rows().tolist() == [1, 4]
    changes.add(Changes(changed=[np.array([9, 1, 2])]))
    assert changes.rows().tolist() == changes.rows().tolist() == [1, 2, 4, 9]


def test_nothing_changed_is_no_row():
    assert Changes().rows().tolist() == []


def test_rows_touched_are_taken_once():
    store = Store(RULES)
    for rows in ([3, 1], [], [1, 2]):
        store.touch(np.array(rows, np.int64))
    assert store.take_touched().tolist() == [1, 2, 3]
    assert store.take_touched().tolist() == []


def test_refunds_with_an_id_of_their_own_are_noted_once():
    store = folded(order("c0", "a", 1), refund("c0", "a", 2, 3, "r1"), refund("c0", "a", 2, 3))
    [(number, hashed)] = store.take_refunds()
    assert number == 1
    assert store.entries.refunds_of == {hashed: [1]}
    assert store.take_refunds() == []


@pytest.mark.parametrize(("window", "left"), [(30 * DAY, (1, 5 * UNIT)), (None, (2, 15 * UNIT))])
def test_what_is_forgotten_leaves_the_window_but_not_all_time(window, left):
    store = folded(order("c0", "a", 1, 10), order("c0", "b", 3, 5), rules=replace(RULES, window=window))
    for day in (2, 1):
        store.forget(START + day * DAY)
        assert store.forgotten == START + 2 * DAY
        assert (store.customers.frequency[0], store.customers.monetary[0]) == left
    assert store.entries.flags[:2].tolist() == [0, INSIDE]


def test_standings_are_those_of_the_columns():
    store = folded(order("c0", "a", 1, 10), order("c1", "b", 2, 5), order("c1", "c", 3, 5.5))
    rows = np.array([1, 0])
    seen = store.standings(rows)
    assert seen.frequency.tolist() == [2, 1]
    assert seen.monetary.tolist() == [10_500_000, 10 * UNIT]
    assert seen.last.tolist() == [START + 3 * DAY, START + DAY]
    assert seen.as_of.tolist() == [START + 10 * DAY] * 2
    assert {RULES.grid.names[place] for place in seen.segment} == {"unscored"}


def test_memory_is_that_of_customers_and_entries():
    store = folded(order("c0", "a", 1))
    assert store.nbytes == store.customers.nbytes + store.entries.nbytes > 0
