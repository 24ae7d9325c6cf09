from __future__ import annotations

import numpy as np
import pytest
from events import DAY, START, UNIT, cancel, erase, histories, order, refund
from hypothesis import given, settings
from scorer import GRID, Scorer, rules

from stream_rfm.model.order import Kind
from stream_rfm.model.rules import Rules
from stream_rfm.table.entries import CANCELLED, FOUND_ORDER, NOBODY
from stream_rfm.table.take_back import last_purchase

pytestmark = pytest.mark.usefixtures("counting")

RULES = Rules(GRID, window=30 * DAY, dedupe=7 * DAY)


def counted(*events) -> Scorer:
    scorer = Scorer(RULES)
    for event in events:
        scorer.count([event])
    return scorer


def test_a_cancel_takes_order_and_refunds_out_of_all_totals():
    scorer = counted(order("c0", "a", 1, 50), refund("c0", "a", 2, 20), refund("c0", "a", 2, 5, "r"))
    changes = scorer.count([cancel("c0", "a", 3)])
    customers = scorer.store.customers
    assert scorer.values() == {"c0": (None, 0, 0)}
    assert (customers.lifetime_orders[0], customers.lifetime_monetary[0]) == (0, 0)
    assert len(changes.moves) == 1
    assert (scorer.store.entries.flags[:3] & CANCELLED).all()


@pytest.mark.parametrize("refund_id", [None, "r"])
def test_a_cancel_takes_refunds_whose_id_names_a_later_one(refund_id):
    bought = [order("c0", "b", 0, 200), order("c0", "a", 0, 100)]
    refunds = [refund("c0", "a", day, 20, refund_id) for day in (1, 11, 20)]
    scorer = counted(*bought, *refunds, cancel("c0", "a", 21))
    assert scorer.values() == {"c0": (21 * DAY, 1, 200 * UNIT)}
    assert scorer.store.customers.lifetime_monetary[0] == 200 * UNIT


def test_a_cancel_leaves_the_refunds_of_an_earlier_order_of_the_same_id():
    former = [order("c0", "a", 0, 50), refund("c0", "a", 1, 20), refund("c0", "a", 2, 5, "r1")]
    latter = [order("c0", "a", 20, 70), refund("c0", "a", 21, 3), refund("c0", "a", 22, 2, "r2")]
    scorer = counted(*former, *latter, cancel("c0", "a", 25))
    assert scorer.values() == {"c0": (25 * DAY, 1, 25 * UNIT)}


def test_a_cancel_of_the_last_order_moves_recency_back_to_the_one_before():
    scorer = counted(order("c0", "a", 1), order("c0", "b", 5), cancel("c0", "b", 6))
    assert scorer.values()["c0"] == (5 * DAY, 1, 10 * UNIT)


def test_a_cancel_of_another_order_leaves_recency():
    scorer = counted(order("c0", "a", 1), order("c0", "b", 5), cancel("c0", "a", 6))
    assert scorer.values()["c0"] == (DAY, 1, 10 * UNIT)


def test_a_cancel_does_not_take_what_has_left_the_window():
    scorer = counted(order("c0", "a", 0, 50), order("c0", "b", 29, 5), cancel("c0", "a", 30))
    assert scorer.values()["c0"] == (DAY, 1, 5 * UNIT)


def test_a_second_cancel_is_a_duplicate_and_is_not_remembered():
    scorer = counted(order("c0", "a", 1), cancel("c0", "a", 2))
    entries = scorer.store.entries.count
    changes = scorer.count([cancel("c0", "a", 3)])
    assert (changes.tallies["duplicate"], scorer.store.entries.count) == (1, entries)


def test_a_cancel_is_remembered_with_whether_it_found_its_order():
    scorer = counted(order("c0", "a", 1), cancel("c0", "a", 2), cancel("c0", "b", 2))
    entries = scorer.store.entries
    assert entries.kind[:3].tolist() == [Kind.ORDER, Kind.CANCEL, Kind.CANCEL]
    assert entries.amount[1:3].tolist() == [FOUND_ORDER, 0]
    assert scorer.store.cancels == 2


def test_an_order_of_somebody_else_with_the_same_id_stays():
    scorer = counted(order("c0", "a", 1), order("c1", "a", 1), cancel("c0", "a", 2))
    assert scorer.values()["c1"] == (DAY, 1, 10 * UNIT)


@settings(max_examples=50)
@given(histories(kinds=(Kind.ORDER, Kind.REFUND, Kind.CANCEL), customers=2, max_size=25), rules)
def test_the_last_purchase_is_the_latest_that_counts(history, rules):
    scorer = Scorer(rules)
    for event in history:
        scorer.count([event])
    customers = scorer.store.customers
    for row in range(customers.count):
        assert last_purchase(scorer.store, row) == customers.last[row]


def test_an_erased_customers_entries_are_nobodys():
    scorer = counted(order("c0", "a", 1), order("c1", "b", 1), refund("c0", "a", 2), erase("c0", 3))
    entries = scorer.store.entries
    assert entries.row[:3].tolist() == [NOBODY, 1, NOBODY]
    assert entries.leaving(START + 9 * DAY).tolist() == [1]


def test_the_last_transition_says_how_the_customer_stood():
    scorer = counted(order("c0", "a", 1, 40), erase("c0", 3))
    last = scorer.transitions()[-1]
    assert (last.source, last.target, last.after, last.sequence) == ("prospective", None, None, 2)
    assert (last.before.frequency, last.before.monetary) == (1, 40 * UNIT)
    assert last.effective_at == START + 3 * DAY


@pytest.mark.parametrize("again", [erase("c0", 4), erase("c9", 4)])
def test_to_erase_a_stranger_does_nothing(again):
    scorer = counted(order("c0", "a", 1), erase("c0", 3))
    changes = scorer.count([again])
    assert (changes.erased, changes.moves) == ([], [])


def test_what_leaves_the_window_by_itself_is_not_taken_from_it_again():
    scorer = Scorer(Rules(GRID, window=30 * DAY, dedupe=60 * DAY))
    scorer.count([order("c0", "a", 0, 50), order("c0", "b", 10, 5)])
    scorer.count([cancel("c0", "a", 30), refund("c0", "b", 30, 1), refund("c0", "b", 31, 1, "r")])
    assert scorer.values()["c0"] == (21 * DAY, 1, 3 * UNIT)
    assert scorer.store.customers.lifetime_orders[0] == 1
    assert np.count_nonzero(scorer.store.entries.flags[:] & CANCELLED) == 1
