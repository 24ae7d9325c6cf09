"""The hashes that entries are found by, made out of their columns: compiled by numba.

Whenever the index of entries has grown by a quarter each was moved, and is asked for its hash. Which ones
come together is chance, so that nearly each is in a line that is in no cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from stream_rfm.model.arrays import Bools, Column, Hashes, Ints
from stream_rfm.table.compiled import INLINE, OPTIONS
from stream_rfm.table.entry_columns import FLAGS_SHIFT, KIND_BITS, ROW_SHIFT, SUPERSEDED
from stream_rfm.table.finding_compiled import mixed
from stream_rfm.table.slots_compiled import NUMBERS

# For how many entries memory is asked before the first is looked at.
_AHEAD = 256
_INT, _HASH = types.int64, types.uint64
_KEYS, _WORDS = types.Array(_HASH, 1, "C"), types.Array(types.int32, 1, "C")
_COLUMNS = types.Tuple((_KEYS, _WORDS, _INT, _INT))  # type: ignore[no-untyped-call]
_FOUND = types.Array(types.bool_, 1, "C")


@njit(_HASH(_COLUMNS, NUMBERS, _INT), **INLINE)
def _touched(columns: Any, numbers: Ints, low: Any) -> Any:
    """Have the lines of many entries fetched at a time, so that none waits for another."""
    keys, words, origin, end = columns
    seen = np.uint64(0)
    for i in range(low, min(low + _AHEAD, len(numbers))):
        if numbers[i] < end:
            seen |= keys[numbers[i] - origin] | np.uint64(words[numbers[i] - origin])
    return seen


@njit(_HASH(_COLUMNS, NUMBERS, _KEYS, _FOUND), **OPTIONS)
def _hashed(columns: Any, numbers: Ints, hashes: Hashes, there: Bools) -> Any:
    keys, words, origin, end = columns
    seen = np.uint64(0)
    for i in range(len(numbers)):
        if i % _AHEAD == 0:
            seen |= _touched(columns, numbers, i)
        there[i] = False
        if numbers[i] >= end:
            continue
        at = numbers[i] - origin
        word = _INT(words[at])
        row, flags = word >> ROW_SHIFT, word >> FLAGS_SHIFT
        # The row of who is erased is all ones, which are read with their sign.
        there[i] = row >= 0 and not flags & SUPERSEDED
        hashes[i] = mixed(keys[at], row, word & KIND_BITS)
    # What was touched has to be made use of, or it is not read.
    return seen


def hashed(keys: Hashes, words: Column, origin: int, end: int, numbers: Ints) -> tuple[Hashes, Bools]:
    """See :meth:`stream_rfm.table.entries.Entries.hashed`.

    Args:
        keys: of entries, as they are in memory.
        words: likewise.
        origin: the number of the first of them.
        end: the number that the next entry gets.
        numbers: of those asked for, none before the first.
    """
    hashes, there = np.zeros(len(numbers), np.uint64), np.empty(len(numbers), bool)
    _hashed((keys, words, origin, end), np.ascontiguousarray(numbers), hashes, there)
    return hashes, there
