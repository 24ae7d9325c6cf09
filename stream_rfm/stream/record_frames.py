"""Frames around what records hold, compiled, and what the functions that write records share.

Those go through some of the rows until there is no room in the buffer for the next one, or until there is no
word for it, and say why they stopped; whoever called sees to that, and calls again from there. The layout of
records is that of record batches of version 2 (Apache Kafka, "Message Format").
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numba import from_dtype, njit

from stream_rfm.stream.record_batches import AT, COUNT, MISSING, WHY
from stream_rfm.stream.record_text import byte, stretch
from stream_rfm.stream.word_pool import KIND_SHIFT, SPREAD
from stream_rfm.table.compiled import BYTES, INLINE, INTS
from stream_rfm.table.customer_row import ROW

#: Types: a number; numbers to work with; a buffer and its state; customers' rows, the bytes of their ids, and
#: which rows are meant; words.
INT = nb.int64
NUMBERS = nb.types.Array(nb.int64, 1, "C")
INTO = nb.types.Tuple((nb.types.Array(nb.uint8, 1, "C"), NUMBERS))  # type: ignore[no-untyped-call]
PEOPLE = nb.types.Tuple((nb.types.Array(from_dtype(ROW), 1, "C"), BYTES, INTS))  # type: ignore[no-untyped-call]
WORDS = nb.types.Tuple((NUMBERS, NUMBERS, NUMBERS, BYTES))  # type: ignore[no-untyped-call]
#: Bytes that a record's frames, names of fields, numbers and instants take at most.
FRAMES, VALUE = 80, 1024

_U64 = np.uint64
_SPREAD = _U64(SPREAD)
# Of a guessed frame, in which two bytes say the size: what they can say.
_GUESS, _LEAST, _MOST = 2, 64, 8192


@njit(**INLINE)
def size_of_number(value: Any) -> Any:
    """How many bytes :func:`number` takes."""
    left, size = _U64(value) << _U64(1), 1
    while left >= _U64(128):
        left >>= _U64(7)
        size += 1
    return size


@njit(**INLINE)
def number(out: Any, at: Any, value: Any) -> Any:
    """A number of variable length that is not negative."""
    left = _U64(value) << _U64(1)
    while left >= _U64(128):
        at = byte(out, at, (left & _U64(0x7F)) | _U64(0x80))
        left >>= _U64(7)
    return byte(out, at, left)


@njit(**INLINE)
def framed(out: Any, at: Any, data: Any, start: Any, size: Any) -> Any:
    """Bytes with their size before them."""
    return stretch(out, number(out, at, size), data, start, size)


@njit(**INLINE)
def begun(at: Any) -> Any:
    """Where what is to be framed begins, if two bytes hold its size: mostly they do."""
    return at + _GUESS


@njit(**INLINE)
def closed(out: Any, begin: Any, at: Any) -> Any:
    """Put the size before what was written since :func:`begun`, and move it where that takes no two bytes."""
    size = at - begin - _GUESS
    if _LEAST <= size < _MOST:
        number(out, begin, size)
        return at
    width = size_of_number(size)
    if width < _GUESS:
        for i in range(size):
            out[_U64(begin + width + i)] = out[_U64(begin + _GUESS + i)]
    else:
        for i in range(size - 1, -1, -1):
            out[_U64(begin + width + i)] = out[_U64(begin + _GUESS + i)]
    return number(out, begin, size) + size


@njit(**INLINE)
def standing(one: Any, kind: Any) -> Any:
    """What a word of a kind goes by for a customer; see :func:`stream_rfm.stream.words.standing_key`."""
    scores = (INT(one.r) << 16) | (INT(one.f) << 8) | INT(one.m)
    return (INT(kind) << KIND_SHIFT) | (INT(one.segment) << 24) | scores


@njit(**INLINE)
def found(words: Any, key: Any) -> Any:
    """Where a word stands among words; −1 if there is none."""
    keys = words[0]
    mask = _U64(len(keys) - 1)
    slot = ((_U64(key) * _SPREAD) >> _U64(32)) & mask
    while keys[slot] >= 0:
        if keys[slot] == key:
            return INT(slot)
        slot = (slot + _U64(1)) & mask
    return INT(-1)


@njit(**INLINE)
def word(out: Any, at: Any, words: Any, slot: Any) -> Any:
    """A word that was found."""
    return stretch(out, at, words[3], words[1][slot], words[2][slot])


@njit(**INLINE)
def record(out: Any, at: Any, count: Any) -> Any:
    """Begin a record: its attributes, the difference of its time and that of its offset."""
    return number(out, byte(out, byte(out, begun(at), 0), 0), count)


@njit(**INLINE)
def stopped(state: Any, at: Any, count: Any, why: Any, missing: Any) -> Any:
    """Say how far the buffer is filled, and why not further."""
    state[AT], state[COUNT], state[WHY], state[MISSING] = at, count, why, missing
