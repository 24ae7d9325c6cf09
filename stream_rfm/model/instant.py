"""Instants and durations: integers of microseconds, instants since 1970-01-01T00:00:00Z.

Microseconds are what Python's :mod:`datetime` keeps, so that no instant it can write is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from stream_rfm.model.arrays import Bools, Ints

SECOND = 1_000_000
DAY = 86_400 * SECOND
MILLISECOND = 1_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // _MICROSECOND

# Positions of the digits in "2026-01-02T03:04:05Z", and what must stand between them.
_LENGTH = len("2026-01-02T03:04:05Z")
_DIGITS = np.array([0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18])
_SEPARATORS = {4: b"-", 7: b"-", 10: b"T", 13: b":", 16: b":", 19: b"Z"}
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def parse(value: str | int) -> int:
    """The instant of ISO 8601 text, or of whole milliseconds since 1970.

    Text without an offset is UTC. Digits finer than a microsecond are cut off.

    Raises:
        ValueError: it is neither, or lies before 1970 or after the year 9999.
    """
    if isinstance(value, str):
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        micros = (at - _EPOCH) // _MICROSECOND
    else:
        micros = value * MILLISECOND
    if not 0 <= micros <= _LATEST:
        raise ValueError(f"not between 1970 and 9999: {str(value)[:40]}")
    return micros


def parse_many(texts: Sequence[str]) -> tuple[Ints, Bools]:
    """The instants of many texts at once, for the common form ``2026-01-02T03:04:05Z``.

    Returns:
        The instants, and whether each text has that form and names a real instant; where not, the
        instant is 0 and :func:`parse` decides.
    """
    count = len(texts)
    joined = "".join(texts)
    # Of each, not of all together: a text that is too long must not lend its end to one that is too short.
    if set(map(len, texts)) != {_LENGTH} or not joined.isascii():
        return _parse_mixed(texts)
    characters = np.frombuffer(joined.encode("ascii"), np.uint8).reshape(count, _LENGTH)
    digits = characters[:, _DIGITS].astype(np.int64) - ord("0")
    good: Bools = np.all((digits >= 0) & (digits <= 9), axis=1)
    for position, separator in _SEPARATORS.items():
        good &= characters[:, position] == separator[0]
    year = digits[:, 0] * 1000 + digits[:, 1] * 100 + digits[:, 2] * 10 + digits[:, 3]
    month, day, hour, minute, second = (digits[:, i] * 10 + digits[:, i + 1] for i in (4, 6, 8, 10, 12))
    good &= (year >= 1970) & (month >= 1) & (month <= 12) & (hour < 24) & (minute < 60) & (second < 60)
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    good &= (day >= 1) & (day <= _MONTH_DAYS[np.where(good, month, 0)] + (leap & (month == 2)))
    seconds = ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    return np.where(good, seconds * SECOND, 0), good


@lru_cache(4096)
def iso(at: int) -> str:
    """An instant as ISO 8601 in UTC, with a fraction of a second only where there is one."""
    text = (_EPOCH + at * _MICROSECOND).isoformat()
    return text.removesuffix("+00:00") + "Z"


def days(duration: int) -> float:
    """A duration in days."""
    return duration / DAY


def from_days(count: float) -> int:
    """A number of days as a duration, to the nearest microsecond."""
    return round(count * DAY)


def _days(year: Ints, month: Ints, day: Ints) -> Ints:
    """Days since 1970 of a Gregorian date (Hinnant, "chrono-Compatible Low-Level Date Algorithms")."""
    year = year - (month <= 2)
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _parse_mixed(texts: Sequence[str]) -> tuple[Ints, Bools]:
    """As :func:`parse_many`, where texts of other lengths stand between."""
    good = np.array([len(text) == _LENGTH and text.isascii() for text in texts], bool)
    instants = np.zeros(len(texts), np.int64)
    where = np.flatnonzero(good)
    if len(where):
        instants[where], good[where] = parse_many([texts[i] for i in where.tolist()])
    return instants, good
