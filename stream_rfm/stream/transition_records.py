"""Transitions as CloudEvents, written from columns: compiled by numba.

The same is said by :meth:`stream_rfm.stream.publication.Publication.transitions`.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numba import njit

from stream_rfm.model import instant
from stream_rfm.stream import blake2, record_text
from stream_rfm.stream.record_batches import AT, COUNT, DAY, NO_ROOM, NO_WORD
from stream_rfm.stream.record_frames import (
    INT,
    INTO,
    VALUE,
    WORDS,
    begun,
    closed,
    found,
    framed,
    number,
    record,
    stopped,
    word,
)
from stream_rfm.stream.record_text import byte, constant, decimal, moment, stretch
from stream_rfm.stream.word_pool import ADVICE, CAUSED, KIND_SHIFT, WAY
from stream_rfm.table import moves as lines
from stream_rfm.table.compiled import BYTES, INLINE, OPTIONS, TEXTS
from stream_rfm.table.customer_row import NEVER, NO_SEGMENT

_QUOTE, _BRACE, _COMMA, _BRACKET = 34, 125, 44, 93
_SEQUENCE, _REVISION, _VERSION, _CAUSE = lines.SEQUENCE, lines.REVISION, lines.VERSION, lines.CAUSE_LINE
_AS_OF = lines.AS_OF
_BEFORE, _AFTER, _AT = lines.BEFORE, lines.AFTER, lines.AFTER + lines.AS_OF
_R, _F, _M, _SEGMENT = lines.R, lines.F, lines.M, lines.SEGMENT
_LAST, _FREQUENCY, _MONETARY = lines.LAST, lines.FREQUENCY, lines.MONETARY
_MOVES = nb.types.Array(nb.int64, 2, "C")
_ALL_TEXTS = nb.types.Tuple((TEXTS, TEXTS, BYTES))  # type: ignore[no-untyped-call]
_FIXED = nb.types.Tuple((BYTES, BYTES, nb.types.Array(nb.uint64, 1, "C")))  # type: ignore[no-untyped-call]


def _bytes(said: bytes) -> Any:
    return np.frombuffer(said, np.uint8)


_NULL, _NONE = _bytes(b"null"), _bytes(b"None")
_CUSTOMER_IS, _SEQUENCE_IS = _bytes(b'{"customer_id":'), _bytes(b',"sequence":')
_BEFORE_IS, _AFTER_IS = _bytes(b',"before":'), _bytes(b',"after":')
_FREQUENCY_IS, _MONETARY_IS = _bytes(b',"frequency":'), _bytes(b',"monetary":"')
_VERSION_IS, _EFFECTIVE_IS = _bytes(b',"quantiles_version":'), _bytes(b',"effective_at":"')
_DETECTED_IS = _bytes(b'","detected_at":"')
# Names of headers with their sizes before them, which are doubled.
_TIME, _SUBJECT = _bytes(b"\x0ece_time"), _bytes(b"\x14ce_subject")


@njit(INT(_MOVES, nb.types.Array(nb.float64, 1, "C")), **OPTIONS)
def ages(moves: Any, days: Any) -> Any:
    """The ages of last purchases, in days, before and after each move, and the greatest in microseconds."""
    greatest = INT(0)
    for i in range(moves.shape[1]):
        for side in range(2):
            line = _AFTER if side else _BEFORE
            age = max(INT(0), moves[line + _AS_OF, i] - moves[line + _LAST, i])
            greatest = max(greatest, age)
            days[2 * i + side] = np.float64(age) / np.float64(instant.DAY)
    return greatest


@njit(**INLINE)
def _standing_key(moves: Any, line: Any, i: Any) -> Any:
    key = (moves[line + _SEGMENT, i] << 24) | (moves[line + _R, i] << 16)
    return key | (moves[line + _F, i] << 8) | moves[line + _M, i]


@njit(**INLINE)
def _words_of(words: Any, moves: Any, i: Any) -> Any:
    """The words of a move, and the key of one that is missing, or −1.

    The words are those of its way, advice and cause, and of how the customer stood and stands.
    """
    source, target, cause = moves[_BEFORE + _SEGMENT, i], moves[_AFTER + _SEGMENT, i], moves[_CAUSE, i]
    keys = (
        (WAY << KIND_SHIFT) | (source << 24) | (target << 8) | cause,
        (ADVICE << KIND_SHIFT) | target,
        (CAUSED << KIND_SHIFT) | cause,
        _standing_key(moves, _BEFORE, i),
        _standing_key(moves, _AFTER, i),
    )
    # Who stands nowhere needs no word.
    slots = (
        found(words, keys[0]),
        found(words, keys[1]),
        found(words, keys[2]),
        INT(0) if source == NO_SEGMENT else found(words, keys[3]),
        INT(0) if target == NO_SEGMENT else found(words, keys[4]),
    )
    for which in range(5):
        if slots[which] < 0:
            return slots, keys[which]
    return slots, INT(-1)


@njit(**INLINE)
def _days_end(days: Any, at: Any) -> Any:
    """Where the text ends that begins at a place: at a comma, or at the end of all."""
    while days[np.uint64(at)] != _COMMA and days[np.uint64(at)] != _BRACKET:
        at += 1
    return at


@njit(**INLINE)
def _standing(out: Any, at: Any, move: Any, said: Any, day: Any) -> Any:
    """How a customer stands, and where the next text of days begins."""
    (moves, line, i), (words, slot, days) = move, said
    end = _days_end(days, day)
    if moves[line + _SEGMENT, i] == NO_SEGMENT:
        return constant(out, at, _NULL), end + 1
    at = word(out, at, words, slot)
    if moves[line + _LAST, i] == NEVER:
        at = constant(out, at, _NULL)
    else:
        at = stretch(out, at, days, day, end - day)
    at = constant(out, at, _FREQUENCY_IS)
    at = constant(out, decimal(out, at, moves[line + _FREQUENCY, i]), _MONETARY_IS)
    at = record_text.amount(out, at, moves[line + _MONETARY, i])
    return byte(out, byte(out, at, _QUOTE), _BRACE), end + 1


@njit(**INLINE)
def _digested(out: Any, at: Any, move: Any, texts: Any, caused: Any, work: Any) -> Any:
    """Work out the id of an event, of facts that are written where its record will be."""
    (moves, i), (ids, orders, _) = move, texts
    to = byte(out, stretch(out, at, ids[0], ids[1][i], ids[2][i]), 0)
    to = byte(out, decimal(out, to, moves[_SEQUENCE, i]), 0)
    to = byte(out, decimal(out, to, moves[_REVISION, i]), 0)
    to = byte(out, decimal(out, to, moves[_AT, i]), 0)
    to = byte(out, word(out, to, caused[0], caused[1]), 0)
    if orders[2][i] < 0:
        to = constant(out, to, _NONE)
    else:
        to = stretch(out, to, orders[0], orders[1][i], orders[2][i])
    blake2.digest(out, at, to - at, work)


@njit(**INLINE)
def _value(out: Any, at: Any, move: Any, texts: Any, said: Any, day: Any) -> Any:
    """The document, but for what ends it, and where the next text of days begins."""
    (moves, i), (ids, orders, days), (words, slots, detected_at) = move, texts, said
    at = record_text.text(out, constant(out, at, _CUSTOMER_IS), ids[0], ids[1][i], ids[2][i])
    at = decimal(out, constant(out, at, _SEQUENCE_IS), moves[_SEQUENCE, i])
    at = word(out, at, words, slots[0])
    if orders[2][i] < 0:
        at = constant(out, at, _NULL)
    else:
        at = record_text.text(out, at, orders[0], orders[1][i], orders[2][i])
    at = constant(out, at, _BEFORE_IS)
    at, day = _standing(out, at, (moves, _BEFORE, i), (words, slots[3], days), day)
    at = constant(out, at, _AFTER_IS)
    at, day = _standing(out, at, (moves, _AFTER, i), (words, slots[4], days), day)
    at = decimal(out, constant(out, at, _VERSION_IS), moves[_VERSION, i])
    at = moment(out, constant(out, at, _EFFECTIVE_IS), moves[_AT, i])
    at = constant(out, constant(out, at, _DETECTED_IS), detected_at)
    return word(out, byte(out, at, _QUOTE), words, slots[1]), day


@njit(**INLINE)
def _room(words: Any, slots: Any, size: Any, order_size: Any) -> Any:
    """How many bytes a record takes at most, but for the headers that all have."""
    room = VALUE + (2 + record_text.ESCAPED) * size + (1 + record_text.ESCAPED) * max(INT(0), order_size)
    for which in range(5):
        room += words[2][slots[which]]
    return room


@njit(INT(INTO, _MOVES, _ALL_TEXTS, WORDS, _FIXED, INT, INT), **OPTIONS)
def transitions(into: Any, moves: Any, texts: Any, words: Any, fixed: Any, first: Any, end: Any) -> Any:
    """Write transitions.

    Args:
        into: the buffer, how far it is filled, and how many texts of days are used up.
        moves: what they are, a line for each fact; see :meth:`stream_rfm.table.moves.Moves.lines`.
        texts: the ids of customers, those of the orders that are named, and the ages of last purchases in
            days before and after each, as one text of JSON.
        words: keys, places and sizes of words, and their bytes.
        fixed: the headers of every record, framed, up to the size of the event's id; the instant that it is,
            as text; and numbers to work with.
        first: the first to be written.
        end: where to end.

    Returns:
        The one that it was stopped at, or the end.
    """
    (out, state), (ids, orders, _), (headers, detected_at, work) = into, texts, fixed
    at, count = state[AT], state[COUNT]
    for i in range(first, end):
        slots, missing = _words_of(words, moves, i)
        if missing >= 0:
            stopped(state, at, count, NO_WORD, missing)
            return i
        room = _room(words, slots, ids[2][i], orders[2][i]) + len(headers)
        if at + room > len(out):
            stopped(state, at, count, NO_ROOM, room)
            return i
        _digested(out, at, (moves, i), texts, (words, slots[2]), work)
        value = framed(out, record(out, at, count), ids[0], ids[1][i], ids[2][i])
        said = (words, slots, detected_at)
        to, state[DAY] = _value(out, begun(value), (moves, i), texts, said, state[DAY])
        to = record_text.hexadecimal(out, constant(out, closed(out, value, to), headers), work)
        time = constant(out, to, _TIME)
        to = moment(out, time + 1, moves[_AT, i])
        number(out, time, to - time - 1)
        at = closed(out, at, framed(out, constant(out, to, _SUBJECT), ids[0], ids[1][i], ids[2][i]))
        count += 1
    stopped(state, at, count, 0, 0)
    return end
