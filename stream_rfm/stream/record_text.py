"""Pieces of records as bytes, compiled: numbers, amounts, instants, texts of JSON.

Every function is given where in the buffer to begin, and gives where it is over; there has to be room. Places
in buffers are made unsigned before they are used: what may be negative is looked at again for every byte.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from stream_rfm.model import instant, money
from stream_rfm.table.compiled import INLINE

_U64 = np.uint64
_TEN = _U64(10)
# Digits of the longest number.
_MOST_DIGITS = 19
#: How many bytes one byte of a text takes at most, as ``\u0000``.
ESCAPED = 6

_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
# What follows a backslash, for those below 32 that have a letter; 0 for the others.
_LETTERS = np.frombuffer(bytes(8) + b"btn\0fr" + bytes(18), np.uint8)
_CENT = money.MICROS // 100
_HOUR, _MINUTE = 3600, 60


@njit(**INLINE)
def stretch(out: Any, at: Any, data: Any, start: Any, size: Any) -> Any:
    """Some bytes of a buffer."""
    to, source = _U64(at), _U64(start)
    for i in range(_U64(size)):
        out[to + i] = data[source + i]
    return at + size


@njit(**INLINE)
def constant(out: Any, at: Any, what: Any) -> Any:
    """All bytes of another buffer."""
    return stretch(out, at, what, 0, len(what))


@njit(**INLINE)
def byte(out: Any, at: Any, value: Any) -> Any:
    """One byte."""
    out[_U64(at)] = np.uint8(value)
    return at + 1


@njit(**INLINE)
def raw(out: Any, at: Any, value: Any, size: Any) -> Any:
    """An integer in so many bytes, the lowest first."""
    left = _U64(value)
    for i in range(_U64(size)):
        out[_U64(at) + i] = np.uint8(left & _U64(0xFF))
        left >>= _U64(8)
    return at + size


@njit(**INLINE)
def padded(out: Any, at: Any, value: Any, size: Any) -> Any:
    """A number that is not negative, in so many digits."""
    left = _U64(value)
    for i in range(size - 1, -1, -1):
        tenth = left // _TEN
        out[_U64(at + i)] = np.uint8(_U64(48) + left - tenth * _TEN)
        left = tenth
    return at + size


@njit(**INLINE)
def decimal(out: Any, at: Any, value: Any) -> Any:
    """An integer as ``%d`` writes it; above −2^63."""
    if value < 0:
        at = byte(out, at, 45)
        value = -value
    size, limit = 1, _TEN
    while size < _MOST_DIGITS and _U64(value) >= limit:
        size += 1
        limit *= _TEN
    return padded(out, at, value, size)


@njit(**INLINE)
def amount(out: Any, at: Any, value: Any) -> Any:
    """Millionths as :func:`stream_rfm.model.money.plain` writes them."""
    if value < 0:
        at = byte(out, at, 45)
        value = -value
    units = value // money.MICROS
    micros = value - units * money.MICROS
    at = byte(out, decimal(out, at, units), 46)
    cents = micros // _CENT
    if micros == cents * _CENT:
        return padded(out, at, cents, 2)
    at = padded(out, at, micros, 6)
    while out[_U64(at - 1)] == 48:
        at -= 1
    return at


@njit(**INLINE)
def moment(out: Any, at: Any, value: Any) -> Any:
    """An instant as :func:`stream_rfm.model.instant.iso` writes it."""
    days = value // instant.DAY
    left = value - days * instant.DAY
    # Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    days += 719_468
    era = days // 146_097
    day_of_era = days - era * 146_097
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    at = byte(out, padded(out, at, year + era * 400 + (month <= 2), 4), 45)
    at = byte(out, padded(out, at, month, 2), 45)
    at = byte(out, padded(out, at, day_of_year - (153 * shifted + 2) // 5 + 1, 2), 84)
    seconds = left // instant.SECOND
    micros = left - seconds * instant.SECOND
    hour = seconds // _HOUR
    minute = seconds // _MINUTE - hour * 60
    at = byte(out, padded(out, at, hour, 2), 58)
    at = byte(out, padded(out, at, minute, 2), 58)
    at = padded(out, at, seconds - hour * _HOUR - minute * _MINUTE, 2)
    if micros:
        at = padded(out, byte(out, at, 46), micros, 6)
    return byte(out, at, 90)


@njit(**INLINE)
def text(out: Any, at: Any, data: Any, start: Any, size: Any) -> Any:
    """A text in UTF-8 as JSON, as :mod:`msgspec` writes it."""
    to, source, odd = _U64(at + 1), _U64(start), False
    out[_U64(at)] = np.uint8(34)
    for i in range(_U64(size)):
        one = data[source + i]
        out[to + i] = one
        odd |= (one < 32) | (one == 34) | (one == 92)
    if not odd:
        return byte(out, at + 1 + size, 34)
    at += 1
    for i in range(_U64(size)):
        one = data[source + i]
        if one < 32 and _LETTERS[one] == 0:
            at = padded(out, byte(out, byte(out, at, 92), 117), 0, 2)
            at = byte(out, byte(out, at, _HEX[one >> 4]), _HEX[one & 15])
        elif one < 32:
            at = byte(out, byte(out, at, 92), _LETTERS[one])
        else:
            if one in (34, 92):
                at = byte(out, at, 92)
            at = byte(out, at, one)
    return byte(out, at, 34)


@njit(**INLINE)
def hexadecimal(out: Any, at: Any, words: Any) -> Any:
    """The first sixteen bytes of numbers of 64 bits, as hexadecimal digits."""
    for i in range(16):
        one = (words[i >> 3] >> _U64(8 * (i & 7))) & _U64(0xFF)
        out[_U64(at + 2 * i)] = _HEX[one >> _U64(4)]
        out[_U64(at + 2 * i + 1)] = _HEX[one & _U64(15)]
    return at + 32
