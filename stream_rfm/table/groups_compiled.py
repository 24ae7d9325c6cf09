"""Ascending numbers once each, compiled by numba: what :func:`stream_rfm.table.groups.distinct` ends with."""

from __future__ import annotations

from numba import njit, types

from stream_rfm.model.arrays import Ints
from stream_rfm.table.compiled import OPTIONS

_INT = types.int64


@njit(_INT(types.Array(_INT, 1, "C")), **OPTIONS)
def once(values: Ints) -> int:
    """Bring each different one of some ascending numbers to the front, in their order; how many there are."""
    count = 0
    for i in range(len(values)):
        if count == 0 or values[i] != values[count - 1]:
            values[count] = values[i]
            count += 1
    return count
