from __future__ import annotations

import pytest
from events import DAY, HOUR, START, UNIT, batch_of, heartbeat, histories, order
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.model.order import Kind
from stream_rfm.table.clock import Clock

DAILY = Clock("event", DAY)
MINUTELY = Clock("wall", 60 * UNIT)


def test_only_the_event_clock_waits():
    assert DAILY.waits
    assert not MINUTELY.waits


@pytest.mark.parametrize(("day", "boundary"), [(0, 0), (0.001, 1), (1, 1), (1.5, 2)])
def test_the_first_boundary_is_the_first_that_is_not_before_the_first_event(day, boundary):
    assert DAILY.first_boundary(START + round(day * DAY)) == START + boundary * DAY


@pytest.mark.parametrize("at", [0, 1, DAY])
def test_no_boundary_lies_so_early_that_version_0_would_be_of_an_instant_before_1970(at):
    assert DAILY.first_boundary(at) == DAY


@given(histories(max_size=20, late=True), st.integers(0, 30 * 24))
def test_an_order_closes_what_is_before_it_and_a_heartbeat_its_own_instant_too(history, hour):
    before = START + hour * HOUR
    expected, closed = [], before
    for event in history:
        closed = max(closed, event.at if event.kind is Kind.HEARTBEAT else event.at - 1)
        expected.append(closed)
    batch = batch_of(history)
    assert DAILY.closed_by(batch, before).tolist() == expected
    assert batch.at.tolist() == [event.at for event in history]


def test_no_events_close_nothing():
    assert DAILY.closed_by(batch_of([order("c0", "a", 0), heartbeat(1)])[:0], 5).tolist() == []


def test_a_tick_is_due_every_interval():
    minute = 60 * UNIT
    assert MINUTELY.latest_tick(START + 59 * UNIT, scored=True) == START
    assert MINUTELY.latest_tick(START + minute, scored=True) == START + minute


def test_as_long_as_nobody_is_scored_it_is_tried_every_five_seconds():
    assert MINUTELY.latest_tick(START + 59 * UNIT, scored=False) == START + 55 * UNIT


def test_an_interval_below_five_seconds_is_kept():
    assert Clock("wall", UNIT).latest_tick(START + 59 * UNIT + 1, scored=False) == START + 59 * UNIT
