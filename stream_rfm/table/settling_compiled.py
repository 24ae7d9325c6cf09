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
from stream_rfm.table.customer_row import NEVER, NO_SEGMENT, ROW
from stream_rfm.table.moves import CAUSE

#: What is said of each move, a line each: its place in the batch, cause, sequence and revision, then how the
#: customer stood and how it stands: scores, segment, last purchase, frequency, money, instant.
PLACE, CAUSED, SEQUENCE, REVISION, BEFORE, AFTER, LINES = 0, 1, 2, 3, 4, 12, 20
#: What :func:`settle` counts: moves, rows with news, late events.
MOVED, NEWS, LATE, _SEEN, COUNTS = 0, 1, 2, 3, 4

# For how many events memory is asked before the first is counted.
_AHEAD = 256
_ORDER, _REFUND, _ENQUIRY = int(Kind.ORDER), int(Kind.REFUND), int(Kind.ENQUIRY)
_BY_ORDER, _BY_REFUND = CAUSE[Cause.ORDER], CAUSE[Cause.REFUND]
_BACKFILL, _DECAY = CAUSE[Cause.BACKFILL], CAUSE[Cause.DECAY]

_INT, _INTS = types.int64, types.Array(types.int64, 1, "A")
_BOOLS = types.Array(types.bool_, 1, "A")
_ROWS = types.Array(from_dtype(ROW), 1, "C")
_NUMBERS, _LINES = types.Array(types.int64, 1, "C"), types.Array(types.int64, 2, "C")
_EVENTS = types.Tuple((types.Array(types.uint8, 1, "A"), _INTS, _INTS, _INTS, _INTS))  # type: ignore[no-untyped-call]
_BY = types.Tuple((_LINES, types.Array(types.uint16, 1, "C"), _NUMBERS))  # type: ignore[no-untyped-call]
_OUT = types.Tuple((_LINES, _NUMBERS, _NUMBERS))  # type: ignore[no-untyped-call]
_SCORES, _STANDING = types.UniTuple(_INT, 4), types.UniTuple(_INT, 8)  # type: ignore[no-untyped-call]


@njit(_INT(_LINES, _INT, _INT, _INT), **INLINE)
def _below(cuts: Ints, dimension: Any, count: Any, value: Any) -> Any:
    """How many cut points of a dimension are below a value."""
    below = 0
    for i in range(count):
        below += cuts[dimension, i] < value
    return below


@njit(_SCORES(_INT, _INT, _INT, _INT, _BY), **INLINE)
def _score(last: Any, frequency: Any, monetary: Any, as_of: Any, by: Any) -> Any:
    """Scores (0: none) and the segment, as :class:`~stream_rfm.table.evaluation.Evaluator` has them."""
    cuts, segments, facts = by
    levels, scored, unscored, lapsed, prospect = facts[0], facts[1], facts[2], facts[3], facts[4]
    if frequency <= 0:
        return 0, 0, 0, prospect if last == NEVER else lapsed
    if not scored:
        return 0, 0, 0, unscored
    r = facts[5] + 1 - _below(cuts, 0, facts[5], max(0, as_of - last))
    f = 1 + _below(cuts, 1, facts[6], frequency)
    m = 1 + _below(cuts, 2, facts[7], monetary)
    code = ((r - 1) * levels + (f - 1)) * levels + (m - 1)
    return r, f, m, _INT(segments[code])


@njit(_STANDING(_ROWS, _INT), **INLINE)
def _standing(table: Column, row: Any) -> Any:
    """How a customer stands: scores, segment, last purchase, frequency, money, instant."""
    r, f, m, segment = table[row].r, table[row].f, table[row].m, table[row].segment
    last, frequency, monetary = table[row].last, table[row].frequency, table[row].monetary
    return _INT(r), _INT(f), _INT(m), _INT(segment), last, _INT(frequency), monetary, table[row].scored_at


@njit(_STANDING(_ROWS, _INT, _STANDING, _EVENTS, _INT, types.bool_, _BY), **INLINE)
def _counted(table: Column, row: Any, before: Any, events: Any, place: Any, inside: Any, by: Any) -> Any:
    """Count an event of a customer, and score; how the customer stands then."""
    kind, at, amount, as_of, _ = events
    last, frequency, monetary = before[4], before[5], before[6]
    if kind[place] == _ORDER:
        last = max(last, at[place])
        table[row].lifetime_orders += 1
        frequency += inside
    money = 0 if kind[place] == _ENQUIRY else amount[place]
    if kind[place] == _REFUND:
        money = -money
    table[row].lifetime_monetary += money
    monetary += money * inside
    r, f, m, segment = _score(last, frequency, monetary, as_of[place], by)
    table[row].last, table[row].frequency, table[row].monetary = last, frequency, monetary
    table[row].r, table[row].f, table[row].m, table[row].segment = r, f, m, segment
    table[row].scored_at = as_of[place]
    return r, f, m, segment, last, frequency, monetary, as_of[place]


@njit(_INT(_STANDING, _STANDING, types.bool_, types.uint8, _BY), **INLINE)
def _cause(before: Any, after: Any, late: Any, kind: Any, by: Any) -> Any:
    """The cause of a move: time, where the customer would have moved there without the event."""
    if before[3] != NO_SEGMENT and _score(before[4], before[5], before[6], after[7], by)[3] == after[3]:
        return _DECAY
    if late:
        return _BACKFILL
    return _BY_REFUND if kind == _REFUND else _BY_ORDER


@njit(types.uint64(_ROWS, _INTS, _INTS, _INT), **INLINE)
def _touched(table: Column, row_of: Ints, where: Ints, low: Any) -> Any:
    """Have the rows of many events fetched at a time, so that none waits for another."""
    seen = np.uint64(0)
    for i in range(low, min(low + _AHEAD, len(where))):
        row = row_of[where[i]]
        seen |= table[row].digest_low | np.uint64(table[row].version)
    return seen


@njit(types.void(_ROWS, _EVENTS, _INTS, _BOOLS, _BY, _OUT), **OPTIONS)
def settle(table: Column, events: Any, where: Ints, inside: Bools, by: Any, out: Any) -> None:
    """Count events, in the order of the topic, and score the customer of each.

    Args:
        table: the customers' rows; changed.
        events: of the batch: kinds, instants, amounts in millionths, the instants that customers are scored
            as of, and their rows.
        where: places of the events to be counted, ascending: orders, refunds and enquiries.
        inside: for each of those whether it counts inside the window.
        by: cut points of recency, frequency and monetary value, a line each; the segment of each code; and
            levels, whether there are cut points, the segments of those without scores, how many cut points
            each dimension has, microseconds after which an event is late, the version's number.
        out: room for as many moves as there are events, a column each; for as many rows whose code or segment
            changed; and for the counts of both and of late events. A row may stand there twice.
    """
    kind, at, _, as_of, row_of = events
    moves, news, counts = out
    moved = changed = behind = 0
    for i in range(len(where)):
        if i % _AHEAD == 0:
            # What was touched has to be made use of, or it is not read.
            counts[_SEEN] = np.int64(_touched(table, row_of, where, i))
        place, row = where[i], row_of[where[i]]
        before = _standing(table, row)
        # An enquiry says that somebody exists; it is news only where nothing else was known before.
        if kind[place] == _ENQUIRY and before[3] != NO_SEGMENT:
            continue
        after = _counted(table, row, before, events, place, inside[i], by)
        late = at[place] < as_of[place] - by[2][8]
        behind += late
        if before[:4] == after[:4]:
            continue
        table[row].revision += 1
        table[row].version = by[2][9]
        news[changed] = row
        changed += 1
        if before[3] == after[3]:
            continue
        table[row].sequence += 1
        moves[PLACE, moved], moves[CAUSED, moved] = place, _cause(before, after, late, kind[place], by)
        moves[SEQUENCE, moved], moves[REVISION, moved] = table[row].sequence, table[row].revision
        for line in range(8):
            moves[BEFORE + line, moved], moves[AFTER + line, moved] = before[line], after[line]
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
