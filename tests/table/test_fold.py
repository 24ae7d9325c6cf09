from __future__ import annotations

from dataclasses import replace

import pytest
from events import (
    DAY,
    OF_CUSTOMERS,
    START,
    UNIT,
    cancel,
    cancelled,
    cut,
    decoded,
    enquiry,
    erase,
    histories,
    order,
    refund,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import by_customer
from scorer import (
    GRID,
    UNSCORED,
    Scorer,
    assert_alike,
    count_alike,
    oracle_of,
    rescore_alike,
    rules,
    sizes,
    versions,
)

from stream_rfm.model import money
from stream_rfm.model.order import Kind, Reason
from stream_rfm.model.rules import Rules

pytestmark = pytest.mark.usefixtures("counting")

RULES = Rules(GRID, window=30 * DAY, dedupe=7 * DAY)


def scored(*events, rules=RULES, version=None) -> Scorer:
    scorer = Scorer(rules) if version is None else Scorer(rules, version)
    if events:
        scorer.count(events)
    return scorer


def said(scorer: Scorer, customer: str = "c0") -> list[tuple[str | None, str | None, str]]:
    found = by_customer(scorer.transitions()).get(customer, [])
    return [(t.source, t.target, t.cause.value) for t in found]


def event_ids(scorer: Scorer) -> dict[str, list[str]]:
    found = by_customer(scorer.transitions())
    return {customer: [each.event_id for each in said] for customer, said in found.items()}


@settings(max_examples=100)
@given(histories(kinds=OF_CUSTOMERS), rules, versions, sizes, st.integers(1, 4))
def test_columns_say_what_plain_profiles_say(history, rules, version, sizes, every):
    scorer = Scorer(rules, version)
    oracle = oracle_of(scorer)
    for number, part in enumerate(cut(history, sizes), 1):
        count_alike(scorer, oracle, history[part])
        if number % every == 0:
            rescore_alike(scorer, oracle)
    rescore_alike(scorer, oracle, after=DAY)
    assert_alike(scorer, oracle)


@settings(max_examples=100)
@given(histories(kinds=OF_CUSTOMERS, late=True, customers=2), rules, versions, sizes)
def test_they_do_so_when_events_come_late(history, rules, version, sizes):
    scorer = Scorer(rules, version)
    oracle = oracle_of(scorer)
    for part in cut(history, sizes):
        count_alike(scorer, oracle, history[part])
    rescore_alike(scorer, oracle)
    assert_alike(scorer, oracle)


@settings(max_examples=60)
@given(histories(kinds=OF_CUSTOMERS, late=True, customers=2, refunded=True), rules, versions, sizes)
def test_they_do_so_when_orders_are_refunded_again_and_again(history, rules, version, sizes):
    scorer = Scorer(rules, version)
    oracle = oracle_of(scorer)
    for part in cut(history, sizes):
        count_alike(scorer, oracle, history[part])
    assert_alike(scorer, oracle)


@settings(max_examples=40)
@given(cancelled(), sizes)
def test_after_a_cancel_values_are_those_without_the_order_and_its_refunds(stories, sizes):
    one, other = (Scorer(replace(RULES, window=None)) for _ in stories)
    for scorer, history in zip((one, other), stories, strict=True):
        for part in cut(history, sizes):
            scorer.count(history[part])
    other.clock = one.clock
    assert one.values() == other.values()


@settings(max_examples=5)
@given(st.randoms(use_true_random=False), rules, versions)
def test_they_do_so_for_large_batches_of_many_customers(random, rules, version):
    numbers = [random.randrange(2**40) for _ in range(600)]
    history = decoded(numbers, kinds=OF_CUSTOMERS, customers=16, late=True)
    scorer = Scorer(rules, version)
    oracle = oracle_of(scorer)
    for part in cut(history, [250, 349, 1]):
        count_alike(scorer, oracle, history[part])
        rescore_alike(scorer, oracle)
    assert_alike(scorer, oracle)


@settings(max_examples=40)
@given(histories(kinds=OF_CUSTOMERS, late=True), rules, sizes, sizes)
def test_how_events_are_cut_into_batches_does_not_matter(history, rules, sizes, others):
    one, other = Scorer(rules), Scorer(rules)
    for scorer, cuts in ((one, sizes), (other, others)):
        for part in cut(history, cuts):
            scorer.count(history[part])
    assert by_customer(one.transitions()) == by_customer(other.transitions())
    assert event_ids(one) == event_ids(other)
    assert one.values() == other.values()


@settings(max_examples=40)
@given(
    histories(kinds=(Kind.ORDER, Kind.REFUND, Kind.CANCEL), late=True, max_size=30), rules, sizes, st.data()
)
def test_an_event_seen_again_within_the_horizon_changes_nothing(history, rules, sizes, data):
    rules = replace(rules, window=None, dedupe=400 * DAY)
    places = st.integers(0, len(history) - 1)
    again = list(history)
    for place in sorted(data.draw(st.lists(places, max_size=5)), reverse=True):
        again.insert(data.draw(st.integers(place + 1, len(again))), history[place])
    one, other = Scorer(rules), Scorer(rules)
    one.count(history)
    for part in cut(again, sizes):
        other.count(again[part])
    assert one.values() == other.values()
    assert by_customer(one.transitions()) == by_customer(other.transitions())
    assert one.store.entries.count == other.store.entries.count


def test_the_first_order_enters_a_segment():
    assert said(scored(order("c0", "a", 0, 10))) == [(None, "newcomer", "order")]


def test_without_cut_points_a_buyer_is_unscored():
    assert said(scored(order("c0", "a", 0), version=UNSCORED)) == [(None, "unscored", "order")]


def test_transitions_of_a_batch_come_in_its_order():
    events = [order("c1", "a", 0), order("c0", "a", 0), order("c1", "b", 0), order("c0", "b", 0)]
    ids = [(t.customer_id, t.sequence) for t in scored(*events).transitions()]
    assert ids == [("c1", 1), ("c0", 1), ("c1", 2), ("c0", 2)]


def test_an_order_that_changes_only_digits_is_a_change_and_no_transition():
    scorer = scored(order("c0", "a", 0, 100), order("c0", "b", 1, 10), order("c0", "c", 2, 10))
    before, revision = len(scorer.transitions()), scorer.store.customers.revision[0]
    changes = scorer.count([refund("c0", "a", 3, 80)])
    assert changes.changed[0].tolist() == [0]
    assert len(scorer.transitions()) == before
    assert scorer.store.customers.revision[0] == revision + 1


def test_what_changes_no_digit_is_no_change():
    scorer = scored(*(order("c0", name, 0, 50) for name in "abc"))
    changes = scorer.count([order("c0", "d", 0, 50)])
    assert (changes.rows().tolist(), changes.moves) == ([], [])
    assert scorer.store.customers.frequency[0] == 4


def test_an_enquiry_makes_a_stranger_a_prospect_once():
    scorer = scored(enquiry("c0", 0), enquiry("c0", 0), enquiry("c0", 1))
    assert said(scorer) == [(None, "prospect", "order")]
    scorer.count([order("c0", "a", 2)])
    assert said(scorer)[1:] == [("prospect", "newcomer", "order")]


def test_an_enquiry_of_a_buyer_changes_nothing():
    assert len(said(scored(order("c0", "a", 0), enquiry("c0", 1)))) == 1


def test_what_is_counted_long_after_it_happened_is_a_backfill():
    late = scored(order("c0", "a", 20), order("c0", "b", 18.9))
    assert said(late)[1:] == [("newcomer", "prospective", "backfill")]
    assert late.changes.tallies["late"] == 1
    soon = scored(order("c0", "a", 20), order("c0", "b", 19))
    assert said(soon)[1:] == [("newcomer", "prospective", "order")]


def test_a_change_that_time_alone_explains_is_a_decay():
    scorer = scored(order("c0", "a", 0), order("c0", "b", 0))
    scorer.count([refund("c0", "a", 7, 1)])
    assert said(scorer)[-1] == ("prospective", "sleeper", "decay")


def test_what_has_left_the_window_is_not_counted_with_the_next_order():
    scorer = scored(order("c0", "a", 0), order("c0", "b", 1), order("c0", "c", 30))
    assert scorer.values() == {"c0": (0, 2, 20 * UNIT)}
    scorer.count([order("c0", "d", 31)])
    assert scorer.values() == {"c0": (0, 2, 20 * UNIT)}


def test_an_order_older_than_the_window_is_remembered_as_a_purchase_only():
    scorer = scored(enquiry("c0", 100), order("c0", "a", 10))
    assert scorer.values() == {"c0": (90 * DAY, 0, 0)}
    assert said(scorer)[-1] == ("prospect", "lapsed", "backfill")


def test_an_id_used_again_beyond_the_horizon_is_a_new_order():
    assert scored(order("c0", "a", 0), order("c0", "a", 8)).values() == {"c0": (0, 2, 20 * UNIT)}
    assert scored(order("c0", "a", 0), order("c0", "a", 7)).values() == {"c0": (7 * DAY, 1, 10 * UNIT)}


def test_a_late_copy_is_compared_with_the_last_order_of_its_id_in_one_batch_as_in_several():
    events = [order("c0", "a", 0), order("c0", "a", 14), order("c0", "a", 2)]
    together, apart = scored(events[0]), scored(events[0])
    together.count(events[1:])
    for event in events[1:]:
        apart.count([event])
    assert together.values() == apart.values()


def test_a_refund_of_an_order_that_came_long_after_a_cancel_counts_in_the_same_batch():
    events = [order("c0", "a", 8, 30), refund("c0", "a", 9, 10)]
    together, apart = scored(cancel("c0", "a", 0)), scored(cancel("c0", "a", 0))
    together.count(events)
    for event in events:
        apart.count([event])
    assert together.values() == apart.values() == {"c0": (DAY, 1, 20 * UNIT)}


@pytest.mark.parametrize("arrival", [(0, 1, 2), (2, 1, 0), (2, 0, 1), (1, 2, 0)])
def test_a_cancel_leaves_values_as_if_the_order_never_was(arrival):
    other = order("c0", "b", 1, 5)
    events = order("c0", "a", 2, 50), refund("c0", "a", 3, 20, "r1"), cancel("c0", "a", 4)
    scorer = scored(other)
    scorer.count([events[place] for place in arrival])
    scorer.clock = START + 10 * DAY
    assert scorer.values() == {"c0": (9 * DAY, 1, 5 * UNIT)}
    assert scorer.store.customers.lifetime_orders[0] == 1
    assert scorer.store.customers.lifetime_monetary[0] == 5 * UNIT


def test_a_cancel_of_the_only_order_makes_a_prospect():
    assert said(scored(order("c0", "a", 0), cancel("c0", "a", 1)))[-1] == ("newcomer", "prospect", "cancel")


def test_erase_forgets_and_a_later_order_starts_anew():
    scorer = scored(order("c0", "a", 0), order("c0", "b", 0), erase("c0", 1))
    assert said(scorer)[-1] == ("prospective", None, "erase")
    assert (scorer.values(), scorer.changes.erased) == ({}, [b"c0"])
    scorer.count([order("c0", "a", 1)])
    assert scorer.values() == {"c0": (0, 1, 10 * UNIT)}
    last = scorer.transitions()[-1]
    assert (last.sequence, last.source, last.target) == (1, None, "newcomer")


def test_who_is_erased_and_comes_back_in_one_batch_starts_anew():
    scorer = scored(order("c0", "a", 0), order("c1", "a", 0), erase("c0", 0), order("c0", "a", 0, 3))
    assert scorer.values() == {"c0": (0, 1, 3 * UNIT), "c1": (0, 1, 10 * UNIT)}
    assert [t.sequence for t in by_customer(scorer.transitions())["c0"]] == [1, 2, 1]


def test_a_stranger_that_is_erased_leaves_no_trace():
    scorer = scored(erase("c0", 0))
    assert (scorer.values(), scorer.changes.erased, scorer.store.customers.count) == ({}, [], 0)


@pytest.mark.parametrize("strangers", [[order("c1", "a", 1)], [order("c1", "a", 1), cancel("c1", "a", 1)]])
def test_the_revisions_of_a_stranger_begin_behind_an_erase_wherever_the_batch_is_cut(strangers):
    known = [order("c0", "a", 0), order("c0", "b", 0)]
    events = [enquiry("c2", 1), erase("c0", 1), *strangers, order("c0", "a", 1), erase("c1", 1)]
    together, apart = scored(*known), scored(*known)
    together.count(events)
    for event in events:
        apart.count([event])
    revisions = [
        {(t.customer_id, t.effective_at, t.sequence): t.revision for t in scorer.transitions()}
        for scorer in (together, apart)
    ]
    assert revisions[0] == revisions[1]
    assert event_ids(together) == event_ids(apart)
    assert together.changes.erased == apart.changes.erased == [b"c0", b"c1"]


LARGEST = money.LARGEST // UNIT


def test_an_order_that_would_make_a_sum_too_large_is_refused_and_the_others_count():
    events = [order("c0", f"o{number}", 0, LARGEST) for number in range(9)]
    scorer = scored(*events)
    assert not scorer.changes.rejected
    changes = scorer.count([order("c1", "a", 0, 1), order("c0", "x", 0, 1), order("c2", "a", 0, 2)])
    assert changes.rejected == [(1, Reason.SUM_TOO_LARGE)]
    assert scorer.values()["c0"] == (0, 9, money.LARGEST_SUM)
    assert [scorer.values()[name][2] for name in ("c1", "c2")] == [UNIT, 2 * UNIT]


def test_places_of_refused_orders_are_places_of_the_whole_batch_behind_an_erase_too():
    scorer = scored(*(order("c0", f"o{number}", 0, LARGEST) for number in range(9)), order("c1", "a", 0))
    events = [order("c0", "x", 0, 1), erase("c1", 0), order("c0", "y", 0, 1), erase("c2", 0), erase("c3", 0)]
    changes = scorer.count([*events, order("c2", "a", 0), order("c0", "z", 0, 1)])
    assert changes.rejected == [(place, Reason.SUM_TOO_LARGE) for place in (0, 2, 6)]


def test_refunds_cannot_make_a_sum_too_small():
    events = [refund("c0", "a", 0, LARGEST, f"r{number}") for number in range(11)]
    scorer = scored(*events)
    assert [place for place, _ in scorer.changes.rejected] == [9, 10]
    assert scorer.values()["c0"][2] == -money.LARGEST_SUM


def test_many_large_orders_of_many_customers_all_count():
    events = [order(f"c{number}", "a", 0, LARGEST) for number in range(16)]
    scorer = scored(*events)
    assert not scorer.changes.rejected
    assert {monetary for _, _, monetary in scorer.values().values()} == {money.LARGEST}
