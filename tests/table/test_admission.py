from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from events import DAY, OF_CUSTOMERS, START, batch_of, cancel, histories, order, refund
from hypothesis import given, settings
from scorer import GRID, Scorer

from stream_rfm.model.order import Kind, OrderEvent
from stream_rfm.model.profile import FOR_EVER
from stream_rfm.model.rules import Rules
from stream_rfm.table.admission import Admission, Orders, admit

DEDUPE = 7 * DAY
RULES = Rules(GRID, window=None, dedupe=DEDUPE)


def admission(scorer: Scorer, events: Sequence[OrderEvent], since: int | list[int] = FOR_EVER) -> Admission:
    batch = batch_of(events)
    orders = Orders(
        kind=batch.kind,
        at=batch.at,
        key=batch.key,
        order=batch.order,
        row=scorer.store.customers.find(batch.digest),
        since=np.broadcast_to(np.array(since), len(events)),
    )
    return admit(scorer.store.entries, orders, DEDUPE, any_cancels=scorer.store.cancels > 0)


def fates(known: Sequence[OrderEvent], *events: OrderEvent, since: int | list[int] = FOR_EVER) -> list[str]:
    """What becomes of events beside some that are known already."""
    scorer = Scorer(RULES)
    scorer.count([order("c0", "another", 0), order("c1", "another", 0), *known])
    found = admission(scorer, events, since)
    names = ("counts", "duplicate", "void", "again")
    each = [[name for name in names if getattr(found, name)[place]] for place in range(len(events))]
    assert all(len(fate) == 1 for fate in each)
    return [fate for [fate] in each]


def test_what_was_never_seen_counts():
    assert fates([], order("c0", "a", 0), order("c1", "a", 0), refund("c0", "a", 0)) == ["counts"] * 3


def test_what_is_known_is_a_duplicate():
    assert fates([order("c0", "a", 0)], order("c0", "a", 7), order("c1", "a", 0)) == ["duplicate", "counts"]


def test_what_comes_twice_counts_once():
    assert fates([], *[order("c0", "a", 0)] * 3) == ["counts", "duplicate", "duplicate"]


def test_what_comes_again_when_the_first_is_forgotten_is_decided_later():
    events = order("c0", "a", 0), order("c0", "a", 1)
    assert fates([], *events, since=[START - DAY, START - 1]) == ["counts", "duplicate"]
    assert fates([], *events, since=[START - DAY, START]) == ["counts", "again"]


def test_an_order_is_void_until_the_end_of_the_horizon_behind_its_cancel():
    events = order("c0", "a", 10), order("c0", "b", 10.01)
    assert fates([cancel("c0", "a", 3), cancel("c0", "b", 3)], *events) == ["void", "counts"]


def test_an_id_far_from_what_is_known_takes_its_name_over():
    scorer = Scorer(RULES)
    scorer.count([order("c0", "a", 0)])
    found = admission(scorer, [order("c0", "a", 8)])
    assert (found.counts.tolist(), found.superseded.tolist()) == ([True], [0])


def test_what_is_too_old_to_be_remembered_takes_no_name_over():
    scorer = Scorer(RULES)
    scorer.count([order("c0", "a", 20)])
    found = admission(scorer, [order("c0", "a", 2)], since=START + 5 * DAY)
    assert (found.counts.tolist(), found.superseded.tolist()) == ([True], [])


def test_an_id_that_comes_twice_far_apart_is_decided_later():
    assert fates([], order("c0", "a", 0), order("c0", "a", 8)) == ["counts", "again"]


def test_a_copy_behind_one_that_takes_its_name_over_is_decided_later():
    known = [order("c0", "a", 0)]
    assert fates(known, order("c0", "a", 14), order("c0", "a", 2)) == ["counts", "again"]


def test_the_order_and_the_refunds_of_a_cancelled_order_are_void():
    known = [cancel("c0", "a", 3)]
    events = order("c0", "a", 2), refund("c0", "a", 2), refund("c0", "a", 2, 1, "r"), order("c1", "a", 2)
    assert fates(known, *events) == ["void", "void", "void", "counts"]
    assert fates([order("c0", "a", 1), *known], refund("c0", "a", 4)) == ["void"]


def test_a_refund_of_an_order_that_comes_with_it_long_after_a_cancel_is_decided_later():
    events = order("c0", "a", 11), refund("c0", "a", 12), refund("c0", "b", 12)
    assert fates([cancel("c0", "a", 3), cancel("c0", "b", 3)], *events) == ["counts", "again", "void"]
    known = [order("c0", "a", 1), cancel("c0", "a", 3)]
    assert fates(known, *events) == ["counts", "again", "counts"]


@pytest.mark.parametrize("known", [order("c0", "a", 3), cancel("c0", "a", 3)])
def test_what_is_forgotten_keeps_nothing_from_counting(known):
    assert fates([known], order("c0", "a", 4), since=START + 3 * DAY) == ["counts"]


@settings(max_examples=60)
@given(
    histories(kinds=OF_CUSTOMERS, max_size=15),
    histories(kinds=(Kind.ORDER, Kind.REFUND), late=True, max_size=15),
)
def test_no_event_has_two_fates_and_none_is_put_off_when_it_is_alone(known, events):
    scorer = Scorer(RULES)
    scorer.count(known)
    scorer.count([order(f"c{number}", "another", 0) for number in range(5)])
    found = admission(scorer, events)
    together = np.array([found.counts, found.duplicate, found.void, found.again])
    assert (together.sum(axis=0) == 1).all()
    for event in events:
        assert not admission(scorer, [event]).again.any()
