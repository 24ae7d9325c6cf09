from __future__ import annotations

import numpy as np
from events import DAY, OF_CUSTOMERS, START, histories, order, refund
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer import GRID, Scorer, count_alike, oracle_of, rules

from stream_rfm.model import version
from stream_rfm.model.distribution import Sketch
from stream_rfm.model.rules import Rules
from stream_rfm.table.summarizing import Summarizing, summary


def steps(summarizing: Summarizing, rows: int):
    """The summary, and how many steps it took."""
    count = 1
    while (made := summarizing.step(rows)) is None:
        count += 1
    return made, count


@settings(max_examples=40)
@given(histories(kinds=OF_CUSTOMERS), rules, st.integers(0, 5), st.integers(1, 9))
def test_it_gives_the_version_of_the_customers_that_have_bought_in_the_window(history, rules, days, rows):
    scorer = Scorer(Rules(GRID, window=rules.window, dedupe=rules.dedupe, min_customers=2))
    oracle = oracle_of(scorer)
    count_alike(scorer, oracle, history)
    as_of = scorer.clock + days * DAY
    made, _ = steps(Summarizing(scorer.store, as_of, scorer.rules.exact_up_to), rows)
    assert version.make(2, as_of, made, scorer.rules) == oracle.ranked(2, as_of)
    assert version.make(2, as_of, summary(scorer.store, as_of), scorer.rules) == oracle.ranked(2, as_of)


def test_looking_changes_nothing():
    scorer = Scorer(Rules(GRID, window=DAY))
    scorer.count([order("c0", "a", 0), order("c1", "b", 1, 3)])
    before = scorer.values()
    summary(scorer.store, START + 90 * DAY)
    assert scorer.values() == before


def test_only_refunds_in_the_window_are_no_reason_to_be_ranked():
    scorer = Scorer(Rules(GRID, window=10 * DAY))
    scorer.count([order("c0", "a", 0, 9), refund("c0", "a", 12, 9)])
    assert summary(scorer.store, START + 12 * DAY).population == 0


def test_recency_is_kept_as_minus_the_last_purchase():
    scorer = Scorer(Rules(GRID))
    scorer.count([order("c0", "a", 0), order("c1", "b", 1)])
    recency = summary(scorer.store, START + 5 * DAY).recency
    assert np.sort(-recency.values).tolist() == [START, START + DAY]


def test_a_step_looks_at_no_more_than_it_is_asked_to():
    scorer = Scorer(Rules(GRID))
    scorer.count([order(f"c{number}", "a", 0) for number in range(10)])
    whole, once = steps(Summarizing(scorer.store, START, 100), 1000)
    sliced, often = steps(Summarizing(scorer.store, START, 100), 3)
    # Four slices of rows, the last of them with one dimension, and the two others.
    assert (once, often) == (1, 4 + 2)
    assert [d.values.tolist() for d in (sliced.recency, sliced.frequency)] == [
        d.values.tolist() for d in (whole.recency, whole.frequency)
    ]


def test_above_a_number_of_customers_it_is_a_sketch_of_all_slices():
    scorer = Scorer(Rules(GRID))
    scorer.count([order(f"c{number}", "a", number / 10) for number in range(10)])
    made, _ = steps(Summarizing(scorer.store, START + 2 * DAY, 5), 3)
    assert isinstance(made.monetary, Sketch)
    assert made.population == made.frequency.total == 10


def test_events_between_slices_are_in_it_for_those_who_are_still_to_come():
    scorer = Scorer(Rules(GRID, window=10 * DAY))
    for event in (order("c0", "a", 0), order("c1", "a", 0), order("c1", "b", 5)):
        scorer.count([event])
    summarizing = Summarizing(scorer.store, START + 10 * DAY, 100)
    assert summarizing.step(1) is None
    # c1's first order has left the window when the third one is counted.
    scorer.count([order("c0", "d", 11), order("c1", "c", 11), order("c2", "a", 11)])
    made, _ = steps(summarizing, 1)
    # c0 had nothing in the window at its slice.
    assert (made.population, made.frequency.values.tolist()) == (2, [1, 2])
