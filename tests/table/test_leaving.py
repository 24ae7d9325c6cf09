from __future__ import annotations

import numpy as np
import pytest
from events import DAY, OF_CUSTOMERS, START, erase, histories, order
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer import GRID, Scorer

from stream_rfm.model.rules import Rules
from stream_rfm.table import leaving
from stream_rfm.table.leaving import Leaving

pytestmark = pytest.mark.usefixtures("counting")

RULES = Rules(GRID, window=30 * DAY)


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch):
    monkeypatch.setattr(leaving, "_STRETCH", 3)
    monkeypatch.setattr(leaving, "_A_ROW", 1)


def counted(*events) -> Scorer:
    """Each customer in the row of the first event."""
    scorer = Scorer(RULES)
    for event in events:
        scorer.count([event])
    return scorer


@given(histories(kinds=OF_CUSTOMERS), st.integers(0, 30 * 24), st.integers(0, 4), st.integers(0, 4))
@settings(max_examples=40)
def test_it_finds_what_the_entries_say_leaves(history, hours, low, size):
    scorer = counted(*history)
    entries, cutoff = scorer.store.entries, START + hours * (DAY // 24)
    expected = entries.leaving(cutoff)
    row = entries.row[expected]
    left = Leaving(entries, cutoff)
    between = left.between(low, low + size)
    assert between.tolist() == expected[(row >= low) & (row < low + size)].tolist()
    rows = np.arange(low, min(low + size, scorer.store.customers.count))
    assert left.of(rows, scorer.store.customers.count).tolist() == between.tolist()


def test_it_looks_at_a_stretch_at_a_time():
    scorer = counted(*(order(f"c{number}", "a", number) for number in range(7)))
    left = Leaving(scorer.store.entries, START + 4 * DAY)
    looked = []
    while not left.complete:
        looked.append(left.look())
    assert looked == [3, 3, 1]
    assert left.between(0, 3).tolist() == [0, 1, 2]


def test_who_asks_before_all_is_found_is_told_all_the_same():
    scorer = counted(*(order(f"c{number}", "a", number) for number in range(7)))
    assert Leaving(scorer.store.entries, START + 4 * DAY).between(4, 9).tolist() == [4]


def test_nothing_leaves_without_a_window():
    left = Leaving(counted(order("c0", "a", 0)).store.entries, None)
    assert left.complete
    assert left.between(0, 1).tolist() == left.of(np.array([0]), 1).tolist() == []


def test_what_has_left_meanwhile_is_left_alone_and_what_comes_meanwhile_stays():
    scorer = counted(order("c0", "a", 0), order("c1", "a", 1), order("c2", "a", 2))
    left = Leaving(scorer.store.entries, START + 5 * DAY)
    left.look()
    scorer.count([erase("c0", 35), order("c1", "b", 35)])
    assert left.between(0, 9).tolist() == [2]
    assert left.of(np.arange(3), 3).tolist() == [2]


@pytest.mark.parametrize("looks", [0, 1, 9])
def test_entries_that_are_dropped_meanwhile_move_the_others(looks):
    scorer = counted(*(order(f"c{number}", "a", number) for number in range(7)))
    entries = scorer.store.entries
    left = Leaving(entries, START + 4 * DAY)
    for _ in range(looks):
        left.look()
    entries.drop(2)
    positions = left.between(0, 9)
    assert (entries.first + positions).tolist() == [2, 3, 4]
