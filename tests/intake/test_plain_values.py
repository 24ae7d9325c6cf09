from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.intake import plain_values
from stream_rfm.model import instant, money


def value(function, text: str) -> int:
    """The value that a whole text is; −1 if it is not plain, or more than the value."""
    data = np.frombuffer(b"#" + text.encode() + b"9", np.uint8)
    found, end = function(data, 1, len(data) - 1)
    return int(found) if end == len(data) - 1 else -1


@given(st.integers(0, 10**12 - 1), st.integers(0, 6), st.integers(0, 999_999))
def test_amounts_are_what_the_model_reads(units, decimals, micros):
    text = f"{units}.{micros:06d}"[: len(str(units)) + 1 + decimals] if decimals else str(units)
    assert value(plain_values.amount_of, f'"{text}"') == money.parse(text)
    if len(text) <= 15:
        assert value(plain_values.amount_of, text) == money.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *('""', '"', '".5"', '"5."', '"-1"', '"1e2"', '"1.2345678"', '"1234567890123"', '"1', '"1"2', '" 1"'),
        *("", "-1", "01", "1.", "1e2", "1234567890.123456", "null", "true", "[1]"),
    ],
)
def test_amounts_that_are_not_plain(text):
    assert value(plain_values.amount_of, text) == -1


days = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@given(days)
def test_instants_are_what_the_model_reads(at):
    milliseconds = at.replace(microsecond=at.microsecond // 1000 * 1000)
    for text in (
        at.replace(microsecond=0).isoformat(),
        at.replace(microsecond=0).isoformat().replace("+00:00", "Z"),
        milliseconds.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        at.isoformat(timespec="microseconds"),
    ):
        assert value(plain_values.instant_of, f'"{text}"') == instant.parse(text)
    stamp = (milliseconds - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    if stamp < 10**14:
        assert value(plain_values.instant_of, str(stamp)) == instant.parse(stamp)


@pytest.mark.parametrize(
    "text",
    [
        *("", '""', '"', "-1", "01", "1.5", "1" * 15, "null"),
        *(
            f'"{text}"'
            for text in (
                *("2026-01-02", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z", "2026-01-02T03:04:05z"),
                *(
                    "2026-02-29T00:00:00Z",
                    "2026-00-01T00:00:00Z",
                    "2026-01-32T00:00:00Z",
                    "1969-12-31T23:59:59Z",
                ),
                *(
                    "2026-01-02T24:00:00Z",
                    "2026-01-02T03:60:00Z",
                    "2026-01-02T03:04:60Z",
                    "2026-1-02T03:04:05Z",
                ),
                *("2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05+01:00"),
                *(
                    "2026-01-02T03:04:05-00:00",
                    "2026-01-02T03:04:05ZZ",
                    "2026-01-02T03:04:05+00",
                    "+026-01-02T03:04:05Z",
                ),
            )
        ),
        '"2026-01-02T03:04:05Z',
    ],
)
def test_instants_that_are_not_plain(text):
    assert value(plain_values.instant_of, text) == -1
