"""Entries put behind the last ones, one after the other: compiled by numba.

What :meth:`stream_rfm.table.entry_columns.EntryColumns.load` does in columns, as long as no span of instants
or amounts has to be written anew, or in full.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from stream_rfm.model.arrays import Bools, Ints
from stream_rfm.model.order import Kind
from stream_rfm.table.compiled import INLINE, OPTIONS
from stream_rfm.table.entry_columns import CHUNK, FLAGS_SHIFT, INSIDE, NO_INSTANT, ROW_SHIFT
from stream_rfm.table.packed import APART, FURTHEST, LOW_BITS, SPAN

_REFUND = int(Kind.REFUND)
_INT, _HASH = types.int64, types.uint64
_WORDS, _NUMBERS, _NAMES = (types.Array(of, 1, "C") for of in (types.int32, _INT, _HASH))
_INTS, _HASHES = types.Array(_INT, 1, "A", readonly=True), types.Array(_HASH, 1, "A", readonly=True)
_KINDS, _BOOLS = types.Array(types.uint8, 1, "A", readonly=True), types.Array(types.bool_, 1, "C")
#: A column as :meth:`stream_rfm.table.packed.Packed.parts` gives it.
PACKED = types.Tuple(  # type: ignore[no-untyped-call]
    (
        *(types.Array(of, 1, "C") for of in (types.uint16, types.int8)),
        *(_NUMBERS, _WORDS, _NUMBERS, _NUMBERS),
    )
)
_SCRATCH = types.Array(_INT, 2, "C")
_EVENTS = types.Tuple((_KINDS, _INTS, _INTS, _HASHES))  # type: ignore[no-untyped-call]
_ENTRIES = types.Tuple((_NAMES, _WORDS, PACKED, PACKED, _NUMBERS, _NUMBERS))  # type: ignore[no-untyped-call]


@njit(types.bool_(_INT, _INT, _INT), **INLINE)
def _fits(base: Any, unit: Any, value: Any) -> Any:
    """Whether a value can be kept as a step of a unit from a base."""
    if abs(np.float64(value) - np.float64(base)) >= APART:
        return False
    away = value - base
    return abs(away) <= FURTHEST * unit and away % unit == 0


@njit(_INT(PACKED, _SCRATCH, _INT, _INT, _INT), **INLINE)
def _unit(packed: Any, values: Any, line: Any, first: Any, end: Any) -> Any:
    """The largest unit that a new span of some values can be kept in; 0: none."""
    units, base = packed[5], values[line, first]
    for nth in range(len(units)):
        i = first
        while i < end and _fits(base, units[nth], values[line, i]):
            i += 1
        if i == end:
            return units[nth]
    return 0


@njit(types.bool_(PACKED, _INT, _SCRATCH, _INT), **INLINE)
def _is_ready(packed: Any, low: Any, values: Any, line: Any) -> Any:
    """Begin the spans that values need; whether all can be kept as their spans are."""
    base, way = packed[2], packed[3]
    count = values.shape[1]
    i = min(-low % SPAN, count)
    span = low // SPAN
    if way[span] > 0:
        for j in range(i):
            if not _fits(base[span], _INT(way[span]), values[line, j]):
                return False
    while i < count:
        end = min(i + SPAN, count)
        unit = _unit(packed, values, line, i, end)
        if not unit:
            return False
        base[(low + i) // SPAN], way[(low + i) // SPAN] = values[line, i], unit
        i = end
    return True


@njit(types.void(PACKED, _INT, _INT), **INLINE)
def _put(packed: Any, at: Any, value: Any) -> None:
    low, high, base, ways, in_full, _ = packed
    span = at // SPAN
    way = _INT(ways[span])
    if way < 0:
        in_full[(-1 - way) * SPAN + at % SPAN] = value
    else:
        step = (value - base[span]) // way
        low[at], high[at] = step & ((1 << LOW_BITS) - 1), step >> LOW_BITS


@njit(types.bool_(_ENTRIES, _INT, _EVENTS, _NUMBERS, _NUMBERS, _BOOLS, _SCRATCH), **OPTIONS)
def append(
    entries: Any, low: int, events: Any, where: Ints, rows: Ints, inside: Bools, scratch: Ints
) -> bool:
    """Put purchases and refunds behind the last entry.

    Args:
        entries: keys, words, instants, amounts, and of each chunk the oldest instant inside and the newest;
            changed, with room for all.
        low: where in memory the first one goes.
        events: of the batch: kinds, instants, amounts and the hashes of their ids.
        where: places of those to be put there.
        rows: for each event of the batch the row of its customer.
        inside: for each place whether it is in the window.
        scratch: room for two numbers of each place.

    Returns:
        Whether that was done; else one of them cannot be kept as its span is, and no entry was changed.
    """
    kind, at, amount, key = events
    keys, words, instants, amounts, oldest, newest = entries
    for i in range(len(where)):
        place = where[i]
        scratch[0, i] = at[place]
        scratch[1, i] = -amount[place] if kind[place] == _REFUND else amount[place]
    if not (_is_ready(instants, low, scratch, 0) and _is_ready(amounts, low, scratch, 1)):
        return False
    for i in range(len(where)):
        place, to = where[i], low + i
        keys[to] = key[place]
        words[to] = (rows[place] << ROW_SHIFT) | (INSIDE * inside[i] << FLAGS_SHIFT) | kind[place]
        _put(instants, to, scratch[0, i])
        _put(amounts, to, scratch[1, i])
        chunk = to // CHUNK
        if to % CHUNK == 0:
            oldest[chunk], newest[chunk] = NO_INSTANT, 0
        if inside[i]:
            oldest[chunk] = min(oldest[chunk], at[place])
        newest[chunk] = max(newest[chunk], at[place])
    return True
