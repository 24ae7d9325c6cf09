"""Entries put behind the last ones, one after the other: compiled by numba.

What :meth:`stream_rfm.table.entry_columns.EntryColumns.load` does in columns, as long as all of them belong
to the chunk that the last entry is in, and are kept in the way that this chunk is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from stream_rfm.model.arrays import Bools, Ints
from stream_rfm.model.order import Kind
from stream_rfm.table.compiled import INLINE, OPTIONS
from stream_rfm.table.entry_columns import FLAGS_SHIFT, INSIDE, ROW_SHIFT
from stream_rfm.table.packed import CHUNK, FURTHEST

_REFUND = int(Kind.REFUND)
# Values further apart than this many are so in any way of keeping them; below it differences fit 64 bits.
_APART = float(1 << 62)
_INT, _HASH = types.int64, types.uint64
_WORDS, _NUMBERS, _NAMES = (types.Array(of, 1, "C") for of in (types.int32, _INT, _HASH))
_INTS, _HASHES = types.Array(_INT, 1, "A", readonly=True), types.Array(_HASH, 1, "A", readonly=True)
_KINDS, _BOOLS = types.Array(types.uint8, 1, "A", readonly=True), types.Array(types.bool_, 1, "C")
#: A column as :meth:`stream_rfm.table.packed.Packed.parts` gives it: steps; of each chunk base, unit and its
#: place among those in full, plus one; and the values of those.
PACKED = types.Tuple((_WORDS, _NUMBERS, _NUMBERS, _WORDS, _NUMBERS))  # type: ignore[no-untyped-call]
_EVENTS = types.Tuple((_KINDS, _INTS, _INTS, _HASHES))  # type: ignore[no-untyped-call]
_ENTRIES = types.Tuple((_NAMES, _WORDS, PACKED, PACKED, _NUMBERS, _NUMBERS))  # type: ignore[no-untyped-call]


@njit(types.bool_(PACKED, _INT, _INT), **INLINE)
def _fits(packed: Any, chunk: Any, value: Any) -> bool:
    """Whether a value can be kept in the way that a chunk is."""
    base, unit = packed[1][chunk], packed[2][chunk]
    if packed[3][chunk]:
        return True
    if abs(np.float64(value) - np.float64(base)) >= _APART:
        return False
    away = value - base
    return abs(away) <= FURTHEST * unit and away % unit == 0


@njit(types.void(PACKED, _INT, _INT), **INLINE)
def _put(packed: Any, at: Any, value: Any) -> None:
    steps, base, unit, full, in_full = packed
    chunk = at // CHUNK
    if full[chunk]:
        in_full[(full[chunk] - 1) * CHUNK + at % CHUNK] = value
    else:
        steps[at] = (value - base[chunk]) // unit[chunk]


@njit(types.bool_(_ENTRIES, _INT, _EVENTS, _NUMBERS, _NUMBERS, _BOOLS), **OPTIONS)
def append(entries: Any, low: int, events: Any, where: Ints, rows: Ints, inside: Bools) -> bool:
    """Put purchases and refunds behind the last entry.

    Args:
        entries: keys, words, instants, amounts, and of each chunk the oldest instant inside and the newest;
            changed, with room for all.
        low: where in memory the first one goes: in the chunk of the last entry, as all of them do.
        events: of the batch: kinds, instants, amounts and the hashes of their ids.
        where: places of those to be put there.
        rows: for each event of the batch the row of its customer.
        inside: for each place whether it is in the window.

    Returns:
        Whether that was done; else one of them cannot be kept as its chunk is, and nothing was changed.
    """
    kind, at, amount, key = events
    keys, words, instants, amounts, oldest, newest = entries
    chunk = low // CHUNK
    for i in range(len(where)):
        place = where[i]
        signed = -amount[place] if kind[place] == _REFUND else amount[place]
        if not (_fits(instants, chunk, at[place]) and _fits(amounts, chunk, signed)):
            return False
    for i in range(len(where)):
        place, to = where[i], low + i
        keys[to] = key[place]
        words[to] = (rows[place] << ROW_SHIFT) | (INSIDE * inside[i] << FLAGS_SHIFT) | kind[place]
        _put(instants, to, at[place])
        _put(amounts, to, -amount[place] if kind[place] == _REFUND else amount[place])
        if inside[i]:
            oldest[chunk] = min(oldest[chunk], at[place])
        newest[chunk] = max(newest[chunk], at[place])
    return True
