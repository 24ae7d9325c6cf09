"""Events counted one after the other, and each customer scored after each: compiled by numba.

What :mod:`stream_rfm.table.judgement` does in columns, a hundred calls of numpy that take a millisecond
whatever they count, this does in a loop. The signature is given, so that it is compiled when it is imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype, njit, types

from stream_rfm.model.arrays import Bools, Column, Ints
from stream_rfm.model.order import Kind
from stream_rfm.model.transition import Cause
from stream_rfm.table.compiled import INLINE, OPTIONS
from stream_rfm.table.customers import NEVER, NO_SEGMENT, ROW
from stream_rfm.table.moves import CAUSE

#: What is said of each move, a line each: its place in the batch, cause, sequence and revision, then how the
#: customer stood and how it stands: scores, segment, last purchase, frequency, money, instant.
PLACE, CAUSED, SEQUENCE, REVISION, BEFORE, AFTER, LINES = 0, 1, 2, 3, 4, 12, 20
#: What :func:`settle` counts: moves, rows with news, late events.
MOVED, NEWS, LATE = 0, 1, 2

_ORDER, _REFUND, _ENQUIRY = int(Kind.ORDER), int(Kind.REFUND), int(Kind.ENQUIRY)
_BY_ORDER, _BY_REFUND = CAUSE[Cause.ORDER], CAUSE[Cause.REFUND]
_BACKFILL, _DECAY = CAUSE[Cause.BACKFILL], CAUSE[Cause.DECAY]
_NEVER, _NO_SEGMENT = NEVER, NO_SEGMENT

_INTS = types.Array(types.int64, 1, "A")
_BOOLS = types.Array(types.bool_, 1, "A")
_ROWS = types.Array(from_dtype(ROW), 1, "C")  # type: ignore[no-untyped-call]
_CUTS = types.Array(types.int64, 2, "C")
_SEGMENTS = types.Array(types.uint16, 1, "C")
_FACTS = types.Array(types.int64, 1, "C")
_OUT, _NUMBERS = types.Array(types.int64, 2, "C"), types.Array(types.int64, 1, "C")
_STANDING = types.UniTuple(types.int64, 4)  # type: ignore[no-untyped-call]


@njit(types.int64(_CUTS, types.int64, types.int64, types.int64), **INLINE)
def _below(cuts: Ints, dimension: Any, count: Any, value: Any) -> Any:
    """How many cut points of a dimension are below a value."""
    below = 0
    for i in range(count):
        below += cuts[dimension, i] < value
    return below


@njit(_STANDING(types.int64, types.int64, types.int64, types.int64, _CUTS, _SEGMENTS, _FACTS), **INLINE)
def _score(
    last: Any, frequency: Any, monetary: Any, as_of: Any, cuts: Ints, segments: Column, facts: Ints
) -> Any:
    """Scores (0: none) and the segment, as :class:`~stream_rfm.table.evaluation.Evaluator` has them."""
    levels, scored, unscored, lapsed, prospect = facts[0], facts[1], facts[2], facts[3], facts[4]
    if frequency <= 0:
        return 0, 0, 0, prospect if last == _NEVER else lapsed
    if not scored:
        return 0, 0, 0, unscored
    r = facts[5] + 1 - _below(cuts, 0, facts[5], max(0, as_of - last))
    f = 1 + _below(cuts, 1, facts[6], frequency)
    m = 1 + _below(cuts, 2, facts[7], monetary)
    code = ((r - 1) * levels + (f - 1)) * levels + (m - 1)
    return r, f, m, np.int64(segments[code])


_SETTLE = types.void(
    _ROWS,
    _INTS,
    types.Array(types.uint8, 1, "A"),
    _INTS,
    _INTS,
    _INTS,
    _INTS,
    _BOOLS,
    _CUTS,
    _SEGMENTS,
    _FACTS,
    _OUT,
    _NUMBERS,
    _NUMBERS,
)


@njit(_SETTLE, **OPTIONS)
def settle(
    table: Column,
    row_of: Ints,
    kind: Column,
    at: Ints,
    amount: Ints,
    as_of: Ints,
    where: Ints,
    inside: Bools,
    cuts: Ints,
    segments: Column,
    facts: Ints,
    moves: Ints,
    news: Ints,
    counts: Ints,
) -> None:
    """Count events, in the order of the topic, and score the customer of each.

    Args:
        table: the customers' rows; changed.
        row_of: for each event of the batch the row of its customer.
        kind: numbers of kinds: orders, refunds and enquiries.
        at: instants.
        amount: millionths, never negative.
        as_of: the instant that each customer is scored as of.
        where: places of the events to be counted, ascending.
        inside: for each of those whether it counts inside the window.
        cuts: cut points of recency, frequency and monetary value, a line each.
        segments: of each code.
        facts: levels, whether there are cut points, the segments of those without scores, how many cut points
            each dimension has, microseconds after which an event is late, the version's number.
        moves: room for as many moves as there are events, a column each.
        news: room for as many rows: those whose code or segment changed; one may stand there twice.
        counts: how many moves, news and late events there are.
    """
    late, number = facts[8], facts[9]
    moved = changed = behind = 0
    for i in range(len(where)):
        place = where[i]
        row = row_of[place]
        r, f, m, segment = (
            np.int64(table[row].r),
            np.int64(table[row].f),
            np.int64(table[row].m),
            np.int64(table[row].segment),
        )
        # An enquiry says that somebody exists; it is news only where nothing else was known before.
        if kind[place] == _ENQUIRY and segment != _NO_SEGMENT:
            continue
        last, frequency, monetary = table[row].last, np.int64(table[row].frequency), table[row].monetary
        scored_at = table[row].scored_at
        new_last, new_frequency, new_monetary = last, frequency, monetary
        if kind[place] == _ORDER:
            new_last = max(last, at[place])
            table[row].lifetime_orders += 1
            table[row].lifetime_monetary += amount[place]
            if inside[i]:
                new_frequency += 1
                new_monetary += amount[place]
        elif kind[place] == _REFUND:
            table[row].lifetime_monetary -= amount[place]
            if inside[i]:
                new_monetary -= amount[place]
        now = as_of[place]
        is_late = at[place] < now - late
        behind += is_late
        nr, nf, nm, target = _score(new_last, new_frequency, new_monetary, now, cuts, segments, facts)
        table[row].last, table[row].monetary, table[row].scored_at = new_last, new_monetary, now
        table[row].frequency = new_frequency
        if nr == r and nf == f and nm == m and target == segment:
            continue
        table[row].r, table[row].f, table[row].m, table[row].segment = nr, nf, nm, target
        table[row].revision += 1
        table[row].version = number
        news[changed] = row
        changed += 1
        if target == segment:
            continue
        table[row].sequence += 1
        cause = _BY_ORDER
        if kind[place] == _REFUND:
            cause = _BY_REFUND
        if is_late:
            cause = _BACKFILL
        if segment != _NO_SEGMENT:
            # Time, where the customer would have moved there without the event.
            alone = _score(last, frequency, monetary, now, cuts, segments, facts)
            if alone[3] == target:
                cause = _DECAY
        moves[0, moved], moves[1, moved] = place, cause
        moves[2, moved], moves[3, moved] = table[row].sequence, table[row].revision
        moves[4, moved], moves[5, moved], moves[6, moved], moves[7, moved] = r, f, m, segment
        moves[8, moved], moves[9, moved], moves[10, moved] = last, frequency, monetary
        moves[11, moved] = scored_at
        moves[12, moved], moves[13, moved], moves[14, moved], moves[15, moved] = nr, nf, nm, target
        moves[16, moved], moves[17, moved], moves[18, moved] = new_last, new_frequency, new_monetary
        moves[19, moved] = now
        moved += 1
    counts[MOVED], counts[NEWS], counts[LATE] = moved, changed, behind


@njit(types.boolean(_ROWS, _INTS, _INTS, _INTS, types.float64), **OPTIONS)
def fits(table: Column, row_of: Ints, amount: Ints, where: Ints, most: float) -> bool:
    """Whether no customer's money can become more than so much, whatever some events make of it."""
    together, largest = 0.0, 0.0
    for i in range(len(where)):
        row = row_of[where[i]]
        together += np.float64(amount[where[i]])
        largest = max(largest, abs(np.float64(table[row].monetary)))
        largest = max(largest, abs(np.float64(table[row].lifetime_monetary)))
    return largest + together <= most
