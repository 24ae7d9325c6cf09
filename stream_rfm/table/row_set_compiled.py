"""What a set of rows does for each of them, compiled by numba; see :mod:`stream_rfm.table.row_set`."""

from __future__ import annotations

from numba import njit, types

from stream_rfm.model.arrays import Bools, Hashes, Ints
from stream_rfm.table.compiled import OPTIONS
from stream_rfm.table.row_set import AT_ONCE

_INT = types.int64
_HELD, _WORDS = (types.Array(of, 1, "C") for of in (types.bool_, types.uint64))
_ROWS, _OUT = types.Array(_INT, 1, "A", readonly=True), types.Array(_INT, 1, "C")


@njit(_INT(_HELD, _ROWS), **OPTIONS)
def add(held: Bools, rows: Ints) -> int:
    """Put rows in; how many were not there."""
    count = 0
    for row in rows:
        count += not held[row]
        held[row] = True
    return count


@njit(_INT(_HELD, _WORDS, _INT, _OUT), **OPTIONS)
def take(held: Bools, words: Hashes, begin: int, out: Ints) -> int:
    """Take rows out, from one on and round the end, until there is no room for more.

    Args:
        held: for each row whether it is in.
        words: the same, eight rows a word.
        begin: where to begin.
        out: room for as many as are in, or fewer.

    Returns:
        Where to go on.
    """
    at, count = begin, 0
    while count < len(out):
        if at % AT_ONCE == 0 and words[at // AT_ONCE] == 0:
            at += AT_ONCE
        else:
            if held[at]:
                held[at] = False
                out[count] = at
                count += 1
            at += 1
        if at >= len(held):
            at = 0
    return at
