"""Records of customers, written from their rows: segments, and what the changelog is told; compiled by numba.

The same is said by :meth:`stream_rfm.stream.publication.Publication.segments` and
:meth:`stream_rfm.table.journal.Told.records`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from stream_rfm.model import instant
from stream_rfm.stream import record_text
from stream_rfm.stream.record_batches import AT, COUNT, NO_ROOM, NO_WORD
from stream_rfm.stream.record_frames import (
    FRAMES,
    INT,
    INTO,
    PEOPLE,
    VALUE,
    WORDS,
    begun,
    closed,
    found,
    framed,
    number,
    record,
    standing,
    stopped,
    word,
)
from stream_rfm.stream.record_text import byte, constant, decimal, raw, stretch
from stream_rfm.stream.word_pool import SEGMENT
from stream_rfm.table.compiled import BYTES, INLINE, OPTIONS
from stream_rfm.table.customer_row import NO_SEGMENT

_C, _QUOTE, _BRACE = 99, 34, 125
_MILLISECOND = instant.MILLISECOND
_CUSTOMER = np.frombuffer(b'{"customer_id":', np.uint8)
_VERSION = np.frombuffer(b'","quantiles_version":', np.uint8)
_SEQUENCE, _REVISION = np.frombuffer(b',"sequence":', np.uint8), np.frombuffer(b',"revision":', np.uint8)
_PARTITION = np.frombuffer(b',"partition":', np.uint8)
# Bytes of a customer in the changelog; see stream_rfm.table.journal.HEADER.
_STRUCT = 65


@njit(**INLINE)
def _told(out: Any, at: Any, one: Any, row: Any, through: Any) -> Any:
    """The value of a customer's record in the changelog."""
    at = raw(out, raw(out, at, row, 4), one.segment, 2)
    at = byte(out, byte(out, byte(out, at, one.r), one.f), one.m)
    at = raw(out, raw(out, raw(out, at, one.sequence, 4), one.revision, 4), one.version, 4)
    at = raw(out, raw(out, raw(out, at, one.scored_at, 8), one.last, 8), one.last_forgotten, 8)
    at = raw(out, raw(out, at, INT(one.lifetime_orders), 4), one.lifetime_monetary, 8)
    return raw(out, at, through, 8)


@njit(INT(INTO, PEOPLE, INT, INT, INT), **OPTIONS)
def customers(into: Any, people: Any, through: Any, first: Any, end: Any) -> Any:
    """What the changelog is told of customers.

    Args:
        into: the buffer, and how far it is filled.
        people: the customers' rows, the bytes of their ids, and which rows; who is nobody is left out.
        through: the number of the first entry that is not in the totals.
        first: the first place among the rows.
        end: where to end.

    Returns:
        The place that it was stopped at, or the end.
    """
    (out, state), (table, ids, rows) = into, people
    at, count = state[AT], state[COUNT]
    for i in range(first, end):
        row = rows[i]
        size = INT(table[row].id_length)
        if size == 0:
            continue
        if at + size + FRAMES + _STRUCT > len(out):
            stopped(state, at, count, NO_ROOM, size + FRAMES + _STRUCT)
            return i
        to = byte(out, number(out, record(out, at, count), size + 1), _C)
        to = number(out, stretch(out, to, ids, table[row].id_start, size), _STRUCT)
        # No headers.
        at = closed(out, at, byte(out, _told(out, to, table[row], row, through), 0))
        count += 1
    stopped(state, at, count, 0, 0)
    return end


@njit(**INLINE)
def _shown(out: Any, at: Any, one: Any, partition: Any) -> Any:
    """What is behind the words of a segment."""
    scored_at = one.scored_at // _MILLISECOND * _MILLISECOND
    at = constant(out, record_text.moment(out, at, scored_at), _VERSION)
    at = constant(out, decimal(out, at, INT(one.version)), _SEQUENCE)
    at = constant(out, decimal(out, at, INT(one.sequence)), _REVISION)
    at = constant(out, decimal(out, at, INT(one.revision)), _PARTITION)
    return byte(out, decimal(out, at, partition), _BRACE)


@njit(INT(INTO, PEOPLE, WORDS, BYTES, INT, INT, INT), **OPTIONS)
def segments(into: Any, people: Any, words: Any, headers: Any, partition: Any, first: Any, end: Any) -> Any:
    """The current segments of customers.

    Args:
        into: the buffer, and how far it is filled.
        people: the customers' rows, the bytes of their ids, and which rows; who is nobody, or stands in no
            segment, is left out.
        words: keys, places and sizes of words, and their bytes.
        headers: the headers of every record, framed.
        partition: the number of the partition.
        first: the first place among the rows.
        end: where to end.

    Returns:
        The place that it was stopped at, or the end.
    """
    (out, state), (table, ids, rows) = into, people
    at, count = state[AT], state[COUNT]
    for i in range(first, end):
        row = rows[i]
        size = INT(table[row].id_length)
        if size == 0 or table[row].segment == NO_SEGMENT:
            continue
        key = standing(table[row], SEGMENT)
        slot = found(words, key)
        if slot < 0:
            stopped(state, at, count, NO_WORD, key)
            return i
        room = VALUE + (1 + record_text.ESCAPED) * size + words[2][slot] + len(headers)
        if at + room > len(out):
            stopped(state, at, count, NO_ROOM, room)
            return i
        start = table[row].id_start
        value = framed(out, record(out, at, count), ids, start, size)
        to = record_text.text(out, constant(out, begun(value), _CUSTOMER), ids, start, size)
        to = _shown(out, byte(out, word(out, to, words, slot), _QUOTE), table[row], partition)
        at = closed(out, at, constant(out, closed(out, value, to), headers))
        count += 1
    stopped(state, at, count, 0, 0)
    return end
