from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream_rfm.model import instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = 253_402_300_799_999_999

zones = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 29), timezones=zones)  # noqa: DTZ001
whole_seconds = st.integers(0, LATEST // instant.SECOND).map(lambda at: instant.iso(at * instant.SECOND))


def micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


@given(times)
def test_iso_8601_is_read_to_the_microsecond_in_every_zone(at):
    assert instant.parse(at.isoformat()) == micros(at)


@given(st.integers(0, LATEST))
@example(0)
@example(LATEST)
def test_what_iso_says_is_read_back(at):
    assert instant.parse(instant.iso(at)) == at


@given(st.integers(0, LATEST // 1000))
def test_whole_numbers_are_milliseconds(ms):
    assert instant.parse(ms) == ms * 1000


def test_text_without_an_offset_is_utc():
    assert instant.parse("2026-01-02T03:04:05") == instant.parse("2026-01-02T03:04:05Z")
    assert instant.parse("2026-01-02") == instant.parse("2026-01-02T00:00:00Z")


def test_an_offset_is_taken_off():
    assert instant.parse("2026-01-02T03:04:05+03:00") == instant.parse("2026-01-02T00:04:05Z")


def test_digits_finer_than_a_microsecond_are_cut_off():
    assert instant.parse("1970-01-01T00:00:00.1234569Z") == 123_456


@pytest.mark.parametrize("day", ["2024-02-29", "2000-02-29", "1972-02-29"])
def test_leap_days_exist(day):
    at = instant.parse(f"{day}T00:00:00Z")
    assert instant.iso(at).startswith(day)
    assert instant.parse_many([f"{day}T00:00:00Z"])[0].tolist() == [at]


NO_INSTANT = [
    "",
    "garbage",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-02T25:00:00Z",
    "2026-01-02T03:60:00Z",
    "2026-01-02T03:04:60Z",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "0001-01-01T00:00:00+23:59",
    "10000-01-01T00:00:00Z",
]


@pytest.mark.parametrize("text", NO_INSTANT)
def test_what_is_no_instant_from_1970_to_9999_is_refused(text):
    with pytest.raises(ValueError, match=r"isoformat|in range|must be in|between 1970|out of range"):
        instant.parse(text)
    assert instant.parse_many([text])[1].tolist() == [False]


@pytest.mark.parametrize("ms", [-1, LATEST // 1000 + 1, 10**30])
def test_numbers_outside_1970_to_9999_are_refused(ms):
    with pytest.raises(ValueError, match="between 1970 and 9999"):
        instant.parse(ms)


# Of the common form, each field a little too large now and then; and anything else.
fields = st.tuples(
    st.integers(1960, 2110),
    st.integers(0, 13),
    st.integers(0, 32),
    st.integers(0, 25),
    st.integers(0, 61),
    st.integers(0, 61),
).map(lambda f: "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format(*f))
texts = (
    whole_seconds
    | fields
    | times.map(datetime.isoformat)
    | st.text(max_size=21)
    | st.sampled_from(NO_INSTANT)
)


@given(st.lists(texts, max_size=5) | st.lists(fields, max_size=5))
@example(["2026-01-02T03:04:05Z\u0661"])
@example(["\u0662026-01-02T03:04:05Z"])
@example(["2026-01-02T03:04:05", "Z", "2026-01-02T03:04:05Z"])
def test_many_at_once_agree_with_one_at_a_time_wherever_they_are_certain(values):
    parsed, certain = instant.parse_many(values)
    for text, at, sure in zip(values, parsed.tolist(), certain.tolist(), strict=True):
        assert at == (instant.parse(text) if sure else 0)


@given(st.lists(whole_seconds, max_size=5), st.lists(st.text(max_size=3), max_size=1))
def test_many_at_once_are_certain_of_the_common_form(values, others):
    assert instant.parse_many(values + others)[1][: len(values)].all()


def test_every_day_of_four_centuries_is_read_at_once():
    days = np.arange(0, 400 * 366 * instant.DAY, instant.DAY)
    assert instant.parse_many([instant.iso(at) for at in days.tolist()])[0].tolist() == days.tolist()


@given(st.floats(0, 3_000_000))
def test_days_become_the_nearest_microsecond(days):
    assert abs(instant.from_days(days) - days * instant.DAY) <= 0.5 + 1e-3
    assert abs(instant.days(instant.from_days(days)) - days) <= 1e-9


def test_many_texts_do_not_lend_each_other_characters():
    texts = ["2026-01-02T03:04:05Z2", "026-01-02T03:04:05Z"]
    assert instant.parse_many(texts)[1].tolist() == [False, False]
