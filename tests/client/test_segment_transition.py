from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from transition_records import AT, RULES, message, moved

from stream_rfm.client.transition import SegmentTransition, Standing, read
from stream_rfm.model import instant, transition

STANDING = Standing(r=5, f=1, m=1, code="511", recency_days=0.5, frequency=1, monetary=Decimal("12.34"))
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def read_back(made, **more):
    said = message(made, **more)
    return read(dict(said.headers), said.value)


def test_every_field_of_the_event_is_read():
    made = moved("c-1", 3, "new", "promising")
    assert read_back(made) == SegmentTransition(
        ce_id=made.event_id,
        ce_type="stream-rfm.segment.transition.v1",
        ce_source="/stream-rfm/test",
        ce_time=WHEN,
        ce_subject="c-1",
        customer_id="c-1",
        sequence=3,
        source="new",
        target="promising",
        direction="down",
        cause="order",
        order_id="o-1",
        before=STANDING,
        after=STANDING,
        quantiles_version=7,
        effective_at=WHEN,
        detected_at=WHEN + timedelta(seconds=1),
        advice=RULES.grid.advice("promising"),
        raw={},
    )


def test_raw_is_the_value_as_it_came():
    made = moved("c-1")
    assert read_back(made).raw == transition.to_document(made, RULES, AT + instant.SECOND)


def test_first_and_last_transition_have_a_side_that_is_nothing():
    first, last = read_back(moved("c-1")), read_back(moved("c-1", 2, "new", None))
    assert (first.source, first.before, first.after) == (None, None, STANDING)
    assert (last.target, last.before, last.after, last.cause) == (None, STANDING, None, "erase")


def test_unknown_fields_are_ignored_and_kept_in_raw():
    assert read_back(moved("c-1"), mood="good").raw["mood"] == "good"
    assert read_back(moved("c-1"), mood="good") == read_back(moved("c-1"))


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ({}, b"{}"),
        ({"ce_type": b"stream-rfm.segment.transition.v2"}, b"{}"),
        ({"ce_type": b"stream-rfm.segment.transition.v1"}, b"{}"),
        ({"ce_type": b"stream-rfm.segment.transition.v1", "ce_id": b"1", "ce_source": b"x"}, None),
        ({"ce_type": b"stream-rfm.segment.transition.v1", "ce_id": b"1", "ce_source": b"x"}, b"\xff"),
        ({"ce_type": b"stream-rfm.segment.transition.v1", "ce_id": b"1", "ce_source": b"x"}, b"[]"),
        ({"ce_type": b"\xff"}, b"{}"),
        ({"ce_type": None}, b"{}"),
        ({"ce_type": b"stream-rfm.segment.transition.v1", "ce_id": None, "ce_source": b"x"}, b"{}"),
        (
            {"ce_type": b"stream-rfm.segment.transition.v1", "ce_id": b"1", "ce_source": b"x"},
            b"[" * 200_000 + b"]" * 200_000,
        ),
    ],
)
def test_anything_else_is_a_value_error(headers, value):
    with pytest.raises(ValueError, match=r"."):
        read(headers, value)


def test_header_without_a_value_is_as_one_that_is_not_there():
    said = message(moved("c-1"))
    headers = dict(said.headers)
    without = read({**headers, "ce_time": None, "ce_subject": None}, said.value)
    assert (without.ce_time, without.ce_subject) == (None, None)
    with pytest.raises(ValueError, match="fields of a transition: KeyError 'ce_id'"):
        read({**headers, "ce_id": None}, said.value)


def test_money_that_is_none_is_a_value_error():
    made = moved("c-1")
    said = message(made)
    with pytest.raises(ValueError, match="fields of a transition"):
        read(dict(said.headers), said.value.replace(b'"12.34"', b'"much"'))
