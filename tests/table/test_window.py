from __future__ import annotations

import numpy as np
import pytest
from events import DAY, START, UNIT, cancel, erase, order, refund
from scorer import GRID, Scorer

from stream_rfm.model.rules import Rules
from stream_rfm.table import window

pytestmark = pytest.mark.usefixtures("counting")


def counted() -> Scorer:
    scorer = Scorer(Rules(GRID, window=5 * DAY))
    scorer.count([order("c0", "a", 0, 3), order("c0", "b", 2, 5), refund("c0", "b", 3, 1)])
    scorer.count([order("c1", "a", 4, 7), order("c1", "b", 4, 9), cancel("c1", "b", 5)])
    scorer.count([order("c2", "a", 5, 8), erase("c2", 5)])
    scorer.count([order("c0", "c", 6, 2)])
    return scorer


def test_what_counts_is_younger_not_cancelled_and_somebodys():
    entries = counted().store.entries
    until = np.array([START + 2 * DAY, START, START])
    positions = window.counting(entries, until)
    assert entries.at[positions].tolist() == [START + 3 * DAY, START + 4 * DAY, START + 6 * DAY]
    frequency, monetary = window.totals(entries, positions, 3)
    assert frequency.tolist() == [1, 1, 0]
    assert monetary.tolist() == [1 * UNIT, 7 * UNIT, 0]


def test_of_all_time_what_has_left_the_window_counts_too():
    frequency, monetary = window.of_all_time(counted().store.customers)
    assert frequency.tolist() == [3, 1, 0]
    assert monetary.tolist() == [9 * UNIT, 7 * UNIT, 0]
