"""JSON text where it is plain, compiled: no escapes, no bytes beyond ASCII, no numbers that need care.

Every function is given where something may begin and where the text ends, and gives where it is over, or −1
for whatever is not plain, valid or not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from stream_rfm.table.compiled import INLINE

# Longer numbers may not be what 64 bits hold.
_DIGITS = 18
_TRUE, _FALSE, _NULL = (np.frombuffer(word, np.uint8) for word in (b"true", b"false", b"null"))


@njit(**INLINE)
def is_digit(byte: Any) -> Any:
    """Whether a byte is a decimal digit."""
    return 48 <= byte <= 57


@njit(**INLINE)
def is_same(data: Any, at: Any, size: Any, others: Any, start: Any) -> Any:
    """Whether a stretch is what begins in others at a place. Parts of arrays are not made: they cost."""
    for i in range(size):
        if data[at + i] != others[start + i]:
            return False
    return True


@njit(**INLINE)
def is_word(data: Any, at: Any, size: Any, word: Any) -> Any:
    """Whether a stretch is a word."""
    return size == len(word) and is_same(data, at, size, word, 0)


@njit(**INLINE)
def after_space(data: Any, at: Any, end: Any) -> Any:
    """Behind white space, of which there may be none."""
    while at < end and (data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9):
        at += 1
    return at


@njit(**INLINE)
def after_text(data: Any, at: Any, end: Any) -> Any:
    """Behind the quote that ends a text, given what is behind the one that begins it."""
    while at < end:
        byte = data[at]
        if byte == 34:
            return at + 1
        if byte < 32 or byte > 126 or byte == 92:
            return np.int64(-1)
        at += 1
    return np.int64(-1)


@njit(**INLINE)
def after_null(data: Any, at: Any, end: Any) -> Any:
    """Behind ``null``."""
    return at + 4 if end - at >= 4 and is_word(data, at, 4, _NULL) else np.int64(-1)


@njit(**INLINE)
def _after_number(data: Any, at: Any, end: Any) -> Any:
    if at < end and data[at] == 45:
        at += 1
    first = at
    while at < end and is_digit(data[at]):
        at += 1
    if at == first or (data[first] == 48 and at - first > 1):
        return np.int64(-1)
    if at < end and data[at] == 46:
        point = at
        at += 1
        while at < end and is_digit(data[at]):
            at += 1
        if at == point + 1:
            return np.int64(-1)
    # An exponent is not plain.
    if at - first > _DIGITS or (at < end and (data[at] == 101 or data[at] == 69)):
        return np.int64(-1)
    return at


@njit(**INLINE)
def after_scalar(data: Any, at: Any, end: Any) -> Any:
    """Behind a text, a number, ``true``, ``false`` or ``null``."""
    if at >= end:
        return np.int64(-1)
    byte, left = data[at], end - at
    if byte == 34:
        return after_text(data, at + 1, end)
    if byte == 116:
        return at + 4 if left >= 4 and is_word(data, at, 4, _TRUE) else np.int64(-1)
    if byte == 102:
        return at + 5 if left >= 5 and is_word(data, at, 5, _FALSE) else np.int64(-1)
    if byte == 110:
        return after_null(data, at, end)
    return _after_number(data, at, end)


@njit(**INLINE)
def after_flat_object(data: Any, at: Any, end: Any) -> Any:
    """Behind an object of scalars, given what is behind its opening brace."""
    at = after_space(data, at, end)
    if at < end and data[at] == 125:
        return at + 1
    while at < end and data[at] == 34:
        at = after_text(data, at + 1, end)
        if at < 0:
            return at
        at = after_space(data, at, end)
        if at >= end or data[at] != 58:
            break
        at = after_scalar(data, after_space(data, at + 1, end), end)
        if at < 0:
            return at
        at = after_space(data, at, end)
        if at >= end:
            break
        if data[at] == 125:
            return at + 1
        if data[at] != 44:
            break
        at = after_space(data, at + 1, end)
    return np.int64(-1)
