from __future__ import annotations

import numpy as np
from events import DAY, OF_CUSTOMERS, START, UNIT, enquiry, erase, histories, order, refund
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer import GRID, Scorer, count_alike, oracle_of, rules

from stream_rfm.model.rules import Rules
from stream_rfm.table.view import leaving, view, view_between


@settings(max_examples=40)
@given(histories(kinds=OF_CUSTOMERS), rules, st.integers(0, 20 * 24))
def test_values_as_of_a_later_instant_are_those_of_plain_profiles(history, rules, hours):
    scorer = Scorer(rules)
    oracle = oracle_of(scorer)
    count_alike(scorer, oracle, history)
    scorer.clock += hours * (DAY // 24)
    expected = {
        customer: known.profile.values(scorer.clock, rules.window)
        for customer, known in oracle.customers.items()
    }
    assert scorer.values() == {
        customer: (of.recency, of.frequency, of.monetary) for customer, of in expected.items()
    }


def test_looking_changes_nothing():
    scorer = Scorer(Rules(GRID, window=DAY))
    scorer.count([order("c0", "a", 0), order("c1", "b", 1, 3)])
    before = scorer.values()
    view(scorer.store, START + 90 * DAY)
    assert scorer.values() == before


def test_rows_are_those_of_everybody_who_is_known():
    scorer = Scorer(Rules(GRID))
    scorer.count([order("c0", "a", 0), order("c1", "b", 0), enquiry("c2", 0), erase("c0", 0)])
    seen = view(scorer.store, START)
    known = zip(scorer.store.customers.ids_of(seen.rows), seen.frequency.tolist(), strict=True)
    assert dict(known) == {b"c1": 1, b"c2": 0}


def test_refunds_in_the_window_count_where_their_order_does_not():
    scorer = Scorer(Rules(GRID, window=10 * DAY))
    scorer.count([order("c0", "a", 0, 9), refund("c0", "a", 12, 9)])
    seen = view(scorer.store, START + 12 * DAY)
    assert (seen.frequency.tolist(), seen.monetary.tolist()) == ([0], [-9 * UNIT])


@settings(max_examples=40)
@given(histories(kinds=OF_CUSTOMERS), rules, st.integers(0, 9), st.integers(1, 4))
def test_ranges_of_rows_come_to_the_same(history, rules, days, size):
    scorer = Scorer(rules)
    scorer.count(history)
    store, as_of = scorer.store, scorer.clock + days * DAY
    whole, left = view(store, as_of), leaving(store, as_of)
    # Where nobody came, as of an erase of a stranger, one range of nobody is all.
    ranges = range(0, max(1, store.customers.count), size)
    parts = [view_between(store, left, low, low + size) for low in ranges]
    for name in ("rows", "last", "frequency", "monetary"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert joined.tolist() == getattr(whole, name).tolist()
