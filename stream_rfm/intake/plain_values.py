"""Amounts and instants as they are mostly written, compiled: see ``money`` and ``instant`` of the model.

Every function gives the value and where it is over, or −1 for both where it is not plain, valid or not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from stream_rfm.intake.json_text import is_digit
from stream_rfm.model import instant
from stream_rfm.table.compiled import INLINE

# Digits of whole units that are certainly below the largest amount, and decimals that are kept.
_UNITS, _DECIMALS = 12, 6
# Above it JSON readers keep a number with a fraction only roughly.
_FLOAT_DIGITS = 15
# Of milliseconds since 1970, so that instants stay in 64 bits and before the year 10000.
_STAMP_DIGITS = 14
_MILLISECOND, _SECOND = instant.MILLISECOND, instant.SECOND
_MONTH_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_NOT_PLAIN = (np.int64(-1), np.int64(-1))


@njit(**INLINE)
def amount_of(data: Any, at: Any, end: Any) -> Any:
    """An amount in millionths; as a text or as a number, and never negative."""
    quoted = at < end and data[at] == 34
    at += quoted
    first, amount = at, np.int64(0)
    while at < end and is_digit(data[at]):
        amount = amount * 10 + (data[at] - 48)
        at += 1
        if at - first > _UNITS:
            return _NOT_PLAIN
    units = at - first
    if units == 0 or (not quoted and units > 1 and data[first] == 48):
        return _NOT_PLAIN
    decimals = 0
    if at < end and data[at] == 46:
        at += 1
        while at < end and is_digit(data[at]) and decimals < _DECIMALS:
            amount = amount * 10 + (data[at] - 48)
            at += 1
            decimals += 1
        if decimals == 0 or (not quoted and units + decimals > _FLOAT_DIGITS):
            return _NOT_PLAIN
    for _ in range(_DECIMALS - decimals):
        amount *= 10
    if quoted:
        if at >= end or data[at] != 34:
            return _NOT_PLAIN
        at += 1
    return amount, at


@njit(**INLINE)
def _digits(data: Any, at: Any, count: Any) -> Any:
    """So many digits as a number; −1 if one of them is none."""
    value = np.int64(0)
    for i in range(count):
        if not is_digit(data[at + i]):
            return np.int64(-1)
        value = value * 10 + (data[at + i] - 48)
    return value


@njit(**INLINE)
def _seconds(data: Any, at: Any) -> Any:
    """Seconds since 1970 of ``2026-01-02T03:04:05``; −1 if that is not what stands there."""
    year, month, day = _digits(data, at, 4), _digits(data, at + 5, 2), _digits(data, at + 8, 2)
    hour, minute, second = _digits(data, at + 11, 2), _digits(data, at + 14, 2), _digits(data, at + 17, 2)
    dashes = data[at + 4] == 45 and data[at + 7] == 45 and data[at + 10] == 84
    if not dashes or data[at + 13] != 58 or data[at + 16] != 58:
        return np.int64(-1)
    if year < 1970 or not 1 <= month <= 12 or not 0 <= hour <= 23:
        return np.int64(-1)
    if not 0 <= minute <= 59 or not 0 <= second <= 59:
        return np.int64(-1)
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    if not 1 <= day <= _MONTH_DAYS[month - 1] + (leap and month == 2):
        return np.int64(-1)
    # Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return ((days * 24 + hour) * 60 + minute) * 60 + second


@njit(**INLINE)
def _fraction(data: Any, at: Any, end: Any) -> Any:
    """Microseconds of ``.123`` or ``.123456``, or none, and where they end."""
    if at >= end or data[at] != 46:
        return np.int64(0), at
    count = 0
    while at + 1 + count < end and is_digit(data[at + 1 + count]):
        count += 1
    if count not in (3, 6):
        return _NOT_PLAIN
    value = _digits(data, at + 1, count)
    return value * (_MILLISECOND if count == 3 else 1), at + 1 + count


@njit(**INLINE)
def _is_utc(data: Any, at: Any, end: Any) -> Any:
    """The length of ``Z`` or ``+00:00``; 0 if neither stands there."""
    if at < end and data[at] == 90:
        return 1
    if end - at < 6 or data[at] != 43 or data[at + 3] != 58:
        return 0
    return 6 if _digits(data, at + 1, 2) == 0 and _digits(data, at + 4, 2) == 0 else 0


@njit(**INLINE)
def instant_of(data: Any, at: Any, end: Any) -> Any:
    """An instant: ``"2026-01-02T03:04:05.678Z"`` or a number of milliseconds since 1970."""
    if at < end and is_digit(data[at]):
        first, value = at, np.int64(0)
        while at < end and is_digit(data[at]) and at - first <= _STAMP_DIGITS:
            value = value * 10 + (data[at] - 48)
            at += 1
        if at - first > _STAMP_DIGITS or (data[first] == 48 and at - first > 1):
            return _NOT_PLAIN
        return value * _MILLISECOND, at
    if end - at < 22 or data[at] != 34:
        return _NOT_PLAIN
    seconds = _seconds(data, at + 1)
    if seconds < 0:
        return _NOT_PLAIN
    micros, at = _fraction(data, at + 20, end)
    if at < 0:
        return _NOT_PLAIN
    length = _is_utc(data, at, end)
    at += length
    if length == 0 or at >= end or data[at] != 34:
        return _NOT_PLAIN
    return seconds * _SECOND + micros, at + 1
