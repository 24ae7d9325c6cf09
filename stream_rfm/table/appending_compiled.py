"""Entries put behind the last ones, one after the other: compiled by numba.

What :meth:`stream_rfm.table.entry_columns.EntryColumns.load` does in columns, as long as no span of instants
or amounts has to be written anew, or in full.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types

from stream_rfm.model.arrays import Bools, Ints
from stream_rfm.model.order import Kind
from stream_rfm.table.compiled import OPTIONS
from stream_rfm.table.entry_columns import CHUNK, FLAGS_SHIFT, INSIDE, NO_INSTANT, ROW_SHIFT
from stream_rfm.table.packed_compiled import PACKED, VALUES, are_ready, put

_REFUND = int(Kind.REFUND)
_INT, _HASH = types.int64, types.uint64
_WORDS, _NUMBERS, _NAMES = (types.Array(of, 1, "C") for of in (types.int32, _INT, _HASH))
_INTS, _HASHES = types.Array(_INT, 1, "A", readonly=True), types.Array(_HASH, 1, "A", readonly=True)
_KINDS, _BOOLS = types.Array(types.uint8, 1, "A", readonly=True), types.Array(types.bool_, 1, "C")
_EVENTS = types.Tuple((_KINDS, _INTS, _INTS, _HASHES))  # type: ignore[no-untyped-call]
_ENTRIES = types.Tuple((_NAMES, _WORDS, PACKED, PACKED, _NUMBERS, _NUMBERS))  # type: ignore[no-untyped-call]


@njit(types.bool_(_ENTRIES, _INT, _EVENTS, _NUMBERS, _NUMBERS, _BOOLS, VALUES), **OPTIONS)
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
    if not (are_ready(instants, low, scratch, 0) and are_ready(amounts, low, scratch, 1)):
        return False
    for i in range(len(where)):
        place, to = where[i], low + i
        keys[to] = key[place]
        words[to] = (rows[place] << ROW_SHIFT) | (INSIDE * inside[i] << FLAGS_SHIFT) | kind[place]
        put(instants, to, scratch[0, i])
        put(amounts, to, scratch[1, i])
        chunk = to // CHUNK
        if to % CHUNK == 0:
            oldest[chunk], newest[chunk] = NO_INSTANT, 0
        if inside[i]:
            oldest[chunk] = min(oldest[chunk], at[place])
        newest[chunk] = max(newest[chunk], at[place])
    return True
