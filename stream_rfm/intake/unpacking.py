"""Where the records of Kafka's record batches are, all of them at once, compiled.

The layout is that of record batches of version 2 (Apache Kafka, "Message Format"). What does not hold
together is left to aiokafka, which says what is wrong with it.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numba import njit

from stream_rfm.intake.run import (
    HEADERS,
    HEADERS_SIZE,
    KEY,
    KEY_SIZE,
    OFFSET,
    SIZE,
    STAMP,
    VALUE,
    VALUE_SIZE,
)
from stream_rfm.table.compiled import BYTES, INLINE, INTS, OPTIONS, TABLE

# The longest number of 64 bits takes so many bytes, seven bits in each.
_LONGEST = 10
_WRONG = -2
_NOTHING = (np.int64(-1), np.int64(-1))


@njit(**INLINE)
def _number(data: Any, at: Any, end: Any) -> Any:
    """A number of variable length, and where it ends; −1 for that where it does not."""
    value = np.uint64(0)
    for i in range(_LONGEST):
        if at + i >= end:
            break
        byte = np.uint64(data[at + i])
        value |= (byte & np.uint64(0x7F)) << np.uint64(7 * i)
        if byte < np.uint64(0x80):
            sign = np.uint64(0) - (value & np.uint64(1))
            return np.int64((value >> np.uint64(1)) ^ sign), at + i + 1
    return np.int64(0), np.int64(-1)


@njit(**INLINE)
def _stretch(data: Any, at: Any, end: Any) -> Any:
    """Where bytes with their size before them begin, and the size: −1 if there are none, −2 if wrong."""
    size, at = _number(data, at, end)
    if at < 0 or size < -1 or size > end - at:
        return at, np.int64(_WRONG)
    return at, size


@njit(**INLINE)
def _headers(data: Any, at: Any, end: Any) -> Any:
    """What names and values of headers hold, in bytes, and where they end; −1 for both if they are wrong."""
    count, at = _number(data, at, end)
    total = np.int64(0)
    if at < 0 or count < 0:
        return _NOTHING
    for _ in range(count):
        at, size = _stretch(data, at, end)
        if size < 0:
            return _NOTHING
        at += size
        total += size
        at, size = _stretch(data, at, end)
        if size == _WRONG:
            return _NOTHING
        at += max(size, 0)
        total += max(size, 0)
    return total, at


@njit(**INLINE)
def _record(data: Any, at: Any, end: Any, out: Any, i: Any) -> Any:
    """Where the parts of the record are that fills a stretch; offset and stamp as said, from a base."""
    if data[at] >= 0x80:
        # There are no attributes of records yet; aiokafka reads them as a number of variable length.
        return False
    at += 1
    out[STAMP, i], at = _number(data, at, end)
    if at < 0:
        return False
    out[OFFSET, i], at = _number(data, at, end)
    if at < 0:
        return False
    at, key_size = _stretch(data, at, end)
    if key_size == _WRONG:
        return False
    out[KEY, i], out[KEY_SIZE, i] = at, key_size
    at, value_size = _stretch(data, at + max(key_size, 0), end)
    if value_size == _WRONG:
        return False
    out[VALUE, i], out[VALUE_SIZE, i] = at, value_size
    at += max(value_size, 0)
    out[HEADERS, i], out[HEADERS_SIZE, i] = at, end - at
    of_headers, at = _headers(data, at, end)
    out[SIZE, i] = max(key_size, 0) + max(value_size, 0) + of_headers
    return at == end


@njit(nb.boolean(BYTES, INTS, INTS, INTS, INTS, INTS, INTS, TABLE), **OPTIONS)
def unpack(
    data: Any,
    start: Any,
    end: Any,
    count: Any,
    base_offset: Any,
    base_stamp: Any,
    append_stamp: Any,
    out: Any,
) -> Any:
    """Say where the records of some batches are.

    Args:
        data: the bytes of the batches, uncompressed and without their headers.
        start: where in them each batch begins.
        end: where it ends.
        count: how many records it has.
        base_offset: what its records' offsets are counted from.
        base_stamp: what their stamps are counted from, milliseconds since 1970.
        append_stamp: the stamp that all have instead, −1 if they have their own.
        out: gets a column for each record; see :mod:`stream_rfm.intake.run`.

    Returns:
        Whether it all holds together; if not, nothing is said.
    """
    i = 0
    for batch in range(len(start)):
        at = start[batch]
        for _ in range(count[batch]):
            size, at = _number(data, at, end[batch])
            if at < 0 or size < 1 or size > end[batch] - at or not _record(data, at, at + size, out, i):
                return False
            out[OFFSET, i] += base_offset[batch]
            out[STAMP, i] = (
                append_stamp[batch] if append_stamp[batch] >= 0 else out[STAMP, i] + base_stamp[batch]
            )
            at += size
            i += 1
        if at != end[batch]:
            return False
    return True
