"""Values of columns in three bytes each, read and written one after the other: compiled by numba.

What :class:`stream_rfm.table.packed.Packed` does in numpy, as long as no span has to be written anew, or in
full.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from stream_rfm.model.arrays import Ints
from stream_rfm.table.compiled import INLINE, OPTIONS
from stream_rfm.table.packed import APART, FURTHEST, LOW_BITS, SPAN

_INT = types.int64
_NUMBERS, _WORDS = (types.Array(of, 1, "C") for of in (_INT, types.int32))
#: Values of several columns, a line each.
VALUES = types.Array(_INT, 2, "C")
#: A column as :meth:`stream_rfm.table.packed.Packed.parts` gives it.
PACKED = types.Tuple(  # type: ignore[no-untyped-call]
    (
        *(types.Array(of, 1, "C") for of in (types.uint16, types.int8)),
        *(_NUMBERS, _WORDS, _NUMBERS, _NUMBERS),
    )
)


@njit(_INT(PACKED, _INT), **INLINE)
def value_at(packed: Any, at: Any) -> Any:
    """The value at a place."""
    low, high, base, ways, in_full, _ = packed
    span = at // SPAN
    way = _INT(ways[span])
    if way < 0:
        return in_full[(-1 - way) * SPAN + at % SPAN]
    return ((_INT(high[at]) << LOW_BITS) | _INT(low[at])) * way + base[span]


@njit(types.bool_(_INT, _INT, _INT), **INLINE)
def _fits(base: Any, unit: Any, value: Any) -> Any:
    """Whether a value can be kept as a step of a unit from a base."""
    if abs(np.float64(value) - np.float64(base)) >= APART:
        return False
    away = value - base
    return abs(away) <= FURTHEST * unit and away % unit == 0


@njit(_INT(PACKED, VALUES, _INT, _INT, _INT), **INLINE)
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


@njit(types.bool_(PACKED, _INT, VALUES, _INT), **INLINE)
def are_ready(packed: Any, low: Any, values: Any, line: Any) -> Any:
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
def put(packed: Any, at: Any, number: Any) -> None:
    """Write a value at a place of a span that is ready for it."""
    low, high, base, ways, in_full, _ = packed
    span = at // SPAN
    way = _INT(ways[span])
    if way < 0:
        in_full[(-1 - way) * SPAN + at % SPAN] = number
    else:
        step = (number - base[span]) // way
        low[at], high[at] = step & ((1 << LOW_BITS) - 1), step >> LOW_BITS


@njit(types.void(PACKED, _INT, _NUMBERS), **OPTIONS)
def unpack(packed: Any, low: int, out: Ints) -> None:
    """Read the values from a place on, as many as there is room for."""
    for i in range(len(out)):
        out[i] = value_at(packed, low + i)
