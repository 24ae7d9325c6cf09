from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from events import DAY, HOUR, START, UNIT, cancel, cancelled, enquiry, order, refund
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.model.order import Kind, OrderEvent
from stream_rfm.model.profile import Effect, Profile, Values

DEDUPE = 7 * DAY


def profile_of(*events: OrderEvent) -> Profile:
    profile = Profile("c0")
    for event in events:
        profile.apply(event, DEDUPE)
    return profile


def values(*events: OrderEvent, day: float = 100, window: int | None = None) -> Values:
    return profile_of(*events).values(START + round(day * DAY), window)


def effects(*events: OrderEvent, since: int | None = None) -> list[Effect]:
    profile = Profile("c0")
    arguments = (DEDUPE,) if since is None else (DEDUPE, since)
    return [profile.apply(event, *arguments) for event in events]


@dataclass(frozen=True)
class Purchase:
    """An order with all that ever happens to it; hours after START."""

    number: int
    hour: int
    amount: int
    refunds: tuple[tuple[int, int], ...]
    cancelled: int | None

    def events(self) -> Iterator[OrderEvent]:
        at, order_id = START + self.hour * HOUR, f"o{self.number}"
        yield OrderEvent(Kind.ORDER, "c0", at, order_id, None, self.amount * UNIT)
        for number, (later, amount) in enumerate(self.refunds):
            own_id = f"r{self.number}-{number}" if number else None
            yield OrderEvent(Kind.REFUND, "c0", at + later * HOUR, order_id, own_id, amount * UNIT)
        if self.cancelled is not None:
            yield OrderEvent(Kind.CANCEL, "c0", at + self.cancelled * HOUR, order_id)


@st.composite
def stories(draw):
    """Purchases, and the events that tell of them in any order, some more than once."""
    shape = st.tuples(
        st.integers(0, 1000),
        st.integers(0, 100),
        st.lists(st.tuples(st.integers(0, 500), st.integers(0, 60)), max_size=3).map(tuple),
        st.none() | st.integers(0, 900),
    )
    shapes = draw(st.lists(shape, min_size=1, max_size=4))
    purchases = [Purchase(number, *one) for number, one in enumerate(shapes)]
    events = [event for purchase in purchases for event in purchase.events()]
    copies = draw(st.lists(st.sampled_from(events), max_size=4))
    return purchases, draw(st.permutations(events + copies))


def calculated(purchases: list[Purchase], as_of: int, window: int | None) -> Values:
    """The definition, without any profile."""
    kept = [purchase for purchase in purchases if purchase.cancelled is None]
    after = START - 1 if window is None else as_of - window
    times = [START + purchase.hour * HOUR for purchase in kept]
    inside = [p for p, at in zip(kept, times, strict=True) if at > after]
    back = sum(
        amount
        for purchase, at in zip(kept, times, strict=True)
        for later, amount in purchase.refunds
        if at + later * HOUR > after
    )
    return Values(
        recency=max(0, as_of - max(times)) if times else None,
        frequency=len(inside),
        monetary=(sum(purchase.amount for purchase in inside) - back) * UNIT,
    )


@given(stories(), st.integers(0, 2000), st.none() | st.integers(1, 1500))
def test_values_follow_from_the_purchases_whatever_the_order_of_their_events(story, hour, window):
    purchases, events = story
    as_of, window = START + hour * HOUR, window and window * HOUR
    assert profile_of(*events).values(as_of, window) == calculated(purchases, as_of, window)


@given(stories())
def test_an_event_seen_again_changes_nothing(story):
    _, events = story
    profile = profile_of(*events)
    before = profile.values(START, None), len(profile.purchases), len(profile.refunds)
    for event in events:
        assert profile.apply(event, DEDUPE) is not Effect.COUNTED
    assert (profile.values(START, None), len(profile.purchases), len(profile.refunds)) == before


@given(cancelled(), st.integers(0, 120), st.none() | st.integers(1, 60))
def test_after_a_cancel_values_are_those_without_the_order_and_its_refunds(histories, day, window):
    events, without = histories
    window = window and window * DAY
    assert values(*events, day=day, window=window) == values(*without, day=day, window=window)


def test_recency_is_the_age_of_the_last_purchase():
    assert values(order("c0", "a", 3), order("c0", "b", 9), day=10).recency == DAY


def test_a_late_order_never_moves_recency_back():
    assert values(order("c0", "b", 9), order("c0", "a", 3), day=10).recency == DAY


def test_an_order_in_the_future_is_of_age_zero():
    assert values(order("c0", "a", 11), day=10).recency == 0


def test_a_refund_lowers_the_money_and_nothing_else():
    bought = values(order("c0", "a", 1, 50), order("c0", "b", 2, 10))
    returned = values(order("c0", "a", 1, 50), order("c0", "b", 2, 10), refund("c0", "a", 3, 20))
    assert returned == replace(bought, monetary=40 * UNIT)


def test_a_refund_counts_at_its_own_time():
    events = order("c0", "a", 1, 50), refund("c0", "a", 30, 50)
    assert values(*events, day=40, window=20 * DAY) == Values(39 * DAY, 0, -50 * UNIT)


def test_the_window_is_open_at_its_old_end_and_closed_at_the_instant():
    events = order("c0", "a", 0), order("c0", "b", 10)
    assert values(*events, day=10, window=10 * DAY).frequency == 1
    assert values(*events, day=10, window=10 * DAY + 1).frequency == 2
    assert values(*events, day=10, window=1).frequency == 1


def test_the_last_purchase_is_remembered_beyond_the_window():
    assert values(order("c0", "a", 0), day=50, window=DAY) == Values(50 * DAY, 0, 0)


def test_who_only_enquired_has_no_recency():
    assert values(enquiry("c0", 1)) == Values(None, 0, 0)
    assert effects(enquiry("c0", 1)) == [Effect.NOTHING]


@pytest.mark.parametrize("apart", [0, 3, 7])
def test_the_same_order_within_the_horizon_counts_once(apart):
    assert effects(order("c0", "a", 10), order("c0", "a", 10 + apart))[1] is Effect.DUPLICATE
    assert effects(order("c0", "a", 10), order("c0", "a", 10 - apart))[1] is Effect.DUPLICATE


def test_an_id_used_again_beyond_the_horizon_is_a_new_order():
    assert values(order("c0", "a", 0), order("c0", "a", 7.01)).frequency == 2


def test_an_order_and_a_refund_may_have_the_same_id():
    assert values(order("c0", "a", 0, 10), refund("c0", "a", 0, 4)).monetary == 6 * UNIT


def test_refunds_with_ids_of_their_own_count_each():
    events = order("c0", "a", 0, 10), refund("c0", "a", 1, 3, "r1"), refund("c0", "a", 1, 3, "r2")
    assert values(*events).monetary == 4 * UNIT
    assert values(*events, refund("c0", "a", 2, 3, "r2")).monetary == 4 * UNIT


def test_the_same_refund_beyond_the_horizon_is_a_new_one():
    assert values(refund("c0", "a", 0, 3), refund("c0", "a", 8, 3)).monetary == -6 * UNIT


@pytest.mark.parametrize("refund_id", [None, "r1"])
def test_a_cancel_takes_the_order_back_with_its_refunds(refund_id):
    rest = order("c0", "b", 1, 5)
    events = order("c0", "a", 3, 10), refund("c0", "a", 4, 2, refund_id), cancel("c0", "a", 5)
    assert values(rest, *events) == values(rest)


@pytest.mark.parametrize("refund_id", [None, "r1"])
def test_it_takes_refunds_whose_id_names_a_later_one(refund_id):
    rest = order("c0", "b", 0, 200)
    refunds = [refund("c0", "a", day, 20, refund_id) for day in (1, 11, 30)]
    assert values(rest, order("c0", "a", 0, 100), *refunds, cancel("c0", "a", 31)) == values(rest)


def test_it_leaves_the_refunds_of_an_earlier_order_of_the_same_id():
    former = order("c0", "a", 0, 50), refund("c0", "a", 1, 20), refund("c0", "a", 2, 5, "r1")
    latter = order("c0", "a", 20, 70), refund("c0", "a", 21, 3), refund("c0", "a", 22, 2, "r2")
    assert values(*former, *latter, cancel("c0", "a", 30)) == values(*former)


def test_it_takes_a_refund_that_lies_before_its_order_or_came_before_it():
    rest, bought = order("c0", "b", 0, 5), order("c0", "a", 3, 10)
    assert values(rest, bought, refund("c0", "a", 2, 4), cancel("c0", "a", 5)) == values(rest)
    assert values(rest, refund("c0", "a", 4, 4), bought, cancel("c0", "a", 5)) == values(rest)


def test_a_cancel_that_comes_first_voids_order_and_refunds():
    assert effects(cancel("c0", "a", 5), order("c0", "a", 3), refund("c0", "a", 4)) == [
        Effect.COUNTED,
        Effect.VOID,
        Effect.VOID,
    ]


def test_a_cancel_of_another_order_takes_nothing():
    events = order("c0", "a", 3, 10), refund("c0", "a", 4, 2)
    assert values(*events, cancel("c0", "b", 5)) == values(*events)


def test_a_second_cancel_does_nothing():
    assert effects(order("c0", "a", 1), cancel("c0", "a", 2), cancel("c0", "a", 3))[2] is Effect.NOTHING
    assert effects(cancel("c0", "a", 3), cancel("c0", "a", 2))[1] is Effect.NOTHING


def test_a_later_cancel_of_an_order_that_never_came_holds_for_longer():
    assert effects(cancel("c0", "a", 0), cancel("c0", "a", 9), order("c0", "a", 10))[1:] == [
        Effect.COUNTED,
        Effect.VOID,
    ]


def test_a_cancelled_order_is_not_counted_when_it_is_sent_again():
    assert effects(order("c0", "a", 1), cancel("c0", "a", 2), order("c0", "a", 1))[2] is Effect.DUPLICATE


def test_a_refund_after_the_cancel_is_void():
    assert effects(order("c0", "a", 1), cancel("c0", "a", 2), refund("c0", "a", 3))[2] is Effect.VOID


def test_an_order_long_after_a_cancel_of_its_id_is_a_new_one_and_so_are_its_refunds():
    events = cancel("c0", "a", 0), order("c0", "a", 8, 10), refund("c0", "a", 9, 4)
    assert effects(*events) == [Effect.COUNTED] * 3
    assert values(*events).monetary == 6 * UNIT


def test_what_comes_too_late_to_be_remembered_does_not_take_over_its_id():
    since = START + 5 * DAY
    counted, duplicate = Effect.COUNTED, Effect.DUPLICATE
    for event in (order, refund):
        events = event("c0", "a", 20), event("c0", "a", 2), event("c0", "a", 21)
        assert effects(*events, since=since) == [counted, counted, duplicate]


def test_a_cancel_voids_an_order_until_the_end_of_the_horizon():
    assert effects(cancel("c0", "a", 1), order("c0", "a", 8))[1] is Effect.VOID
    assert effects(cancel("c0", "a", 1), order("c0", "a", 8.01))[1] is Effect.COUNTED


def test_ids_of_what_is_forgotten_are_forgotten():
    since = START + DAY
    assert effects(order("c0", "a", 1), order("c0", "a", 2), since=since)[1] is Effect.COUNTED
    assert effects(refund("c0", "a", 1), refund("c0", "a", 2), since=since)[1] is Effect.COUNTED
    assert effects(cancel("c0", "a", 1), order("c0", "a", 2), since=since)[1] is Effect.COUNTED
    assert effects(order("c0", "a", 1.1), order("c0", "a", 2), since=since)[1] is Effect.DUPLICATE
