"""Customers as Redis is told them, written from their rows; compiled by numba.

The same is said by :meth:`stream_rfm.stream.segment_values.SegmentValues.of` and framed by
:func:`stream_rfm.serve.bulk.bulk_of`: MessagePack of current segments, as bulk strings of Redis' protocol.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numba import njit

from stream_rfm.model import instant
from stream_rfm.serve.bulk import CUSTOMER_KEY
from stream_rfm.stream.record_batches import AT, COUNT
from stream_rfm.stream.record_frames import INT, INTO, PEOPLE, WORDS, found, standing, word
from stream_rfm.stream.record_text import byte, constant, decimal, stretch
from stream_rfm.stream.word_pool import PACKED
from stream_rfm.table.compiled import BYTES, INLINE, OPTIONS
from stream_rfm.table.customer_row import NO_SEGMENT

_MILLISECOND = instant.MILLISECOND
_PREFIX = np.frombuffer(CUSTOMER_KEY, np.uint8)
_VERSION, _SEQUENCE, _REVISION = (
    np.frombuffer(msgspec.msgpack.encode(name), np.uint8)
    for name in ("quantiles_version", "sequence", "revision")
)
# Bytes that a value takes beside its word, at most.
_BESIDE = 128
_U64 = np.uint64


@njit(**INLINE)
def _highest_first(out: Any, at: Any, value: Any, size: Any) -> Any:
    """An integer in so many bytes, the highest first."""
    for i in range(size):
        out[_U64(at + i)] = np.uint8((_U64(value) >> _U64(8 * (size - 1 - i))) & _U64(0xFF))
    return at + size


@njit(**INLINE)
def _integer(out: Any, at: Any, value: Any) -> Any:
    """An integer as MessagePack, in the fewest bytes that hold it ("MessagePack specification")."""
    if -32 <= value < 128:
        return byte(out, at, value & 0xFF)
    if value < 0:
        for width in range(4):
            if value >= -(1 << ((8 << width) - 1)) or width == 3:
                return _highest_first(out, byte(out, at, 0xD0 + width), value, 1 << width)
    for width in range(3):
        if value < 1 << (8 << width):
            return _highest_first(out, byte(out, at, 0xCC + width), value, 1 << width)
    return _highest_first(out, byte(out, at, 0xCF), value, 8)


@njit(**INLINE)
def _line(out: Any, at: Any) -> Any:
    return byte(out, byte(out, at, 13), 10)


@njit(**INLINE)
def _length(out: Any, at: Any, size: Any) -> Any:
    return decimal(out, byte(out, at, 36), size)


@njit(**INLINE)
def _key(out: Any, at: Any, ids: Any, start: Any, size: Any) -> Any:
    at = _line(out, _length(out, at, len(_PREFIX) + size))
    return _line(out, stretch(out, constant(out, at, _PREFIX), ids, start, size))


@njit(**INLINE)
def _value(out: Any, at: Any, one: Any, words: Any, slot: Any, tail: Any) -> Any:
    # The size comes first, and is known last: so there is room for what it may be, and what is too much goes.
    begin = _line(out, _length(out, at, words[2][slot] + _BESIDE))
    to = word(out, begin, words, slot)
    to = constant(out, _integer(out, to, one.scored_at // _MILLISECOND), _VERSION)
    to = constant(out, _integer(out, to, INT(one.version)), _SEQUENCE)
    to = constant(out, _integer(out, to, INT(one.sequence)), _REVISION)
    size = constant(out, _integer(out, to, INT(one.revision)), tail) - begin
    at = _line(out, _length(out, at, size))
    if at < begin:
        stretch(out, at, out, begin, size)
    return _line(out, at + size)


@njit(INT(INTO, INTO, PEOPLE, WORDS, BYTES), **OPTIONS)
def bulk(keys: Any, values: Any, people: Any, words: Any, tail: Any) -> Any:
    """Keys and values of customers.

    Args:
        keys: the buffer for keys, and how far it is filled; there is room for all.
        values: the same for values.
        people: the customers' rows, the bytes of their ids, and which rows; who is nobody, or stands in no
            segment, is left out.
        words: keys, places and sizes of words, and their bytes.
        tail: what ends each value, the partition.

    Returns:
        The key of a word that is missing; −1 if all is written.
    """
    (key_out, key_state), (out, state), (table, ids, rows) = keys, values, people
    key_at, at, count = INT(0), INT(0), INT(0)
    for row in rows:
        size = INT(table[row].id_length)
        if size == 0 or table[row].segment == NO_SEGMENT:
            continue
        key = standing(table[row], PACKED)
        slot = found(words, key)
        if slot < 0:
            return INT(key)
        key_at = _key(key_out, key_at, ids, table[row].id_start, size)
        at = _value(out, at, table[row], words, slot, tail)
        count += 1
    key_state[AT], state[AT], state[COUNT] = key_at, at, count
    return INT(-1)
