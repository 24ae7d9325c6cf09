"""New customers put into their rows, one after the other: compiled by numba.

What :meth:`stream_rfm.table.customers.Customers.add` does in columns before it makes them findable. Their ids
go from the batch into the table's without becoming objects of Python's.
"""

from __future__ import annotations

from typing import Any

from numba import from_dtype, njit, types

from stream_rfm.model.arrays import Column, Hashes, Ints
from stream_rfm.table.compiled import OPTIONS, TEXTS
from stream_rfm.table.customer_row import NEVER, NO_SEGMENT, ROW

_INT = types.int64
_ROWS, _OUT = types.Array(from_dtype(ROW), 1, "C"), types.Array(types.uint8, 1, "C")
_DIGESTS = types.Array(types.uint64, 2, "A", readonly=True)
_PLACES = types.Array(_INT, 1, "A", readonly=True)
_BEGIN = types.UniTuple(_INT, 3)  # type: ignore[no-untyped-call]


@njit(_INT(_ROWS, _OUT, _BEGIN, _DIGESTS, TEXTS, _PLACES), **OPTIONS)
def add(table: Column, ids: Column, begin: Any, digests: Hashes, texts: Any, places: Ints) -> int:
    """Write rows of new customers.

    Args:
        table: all rows; there has to be room.
        ids: the bytes of all ids; there has to be room.
        begin: the row of the first of them, where other ids end, and where revisions begin.
        digests: for each event the two halves of its customer's digest.
        texts: the bytes of the events' ids of customers, where each begins and its size.
        places: of the events that are new customers' first.

    Returns:
        Where the bytes of ids end now.
    """
    (first, end, revision), (data, start, size) = begin, texts
    for i in range(len(places)):
        place = places[i]
        one = table[first + i]
        one.digest_low, one.digest_high = digests[place, 0], digests[place, 1]
        one.segment = NO_SEGMENT
        one.last = one.last_forgotten = NEVER
        one.revision = revision
        one.id_start, one.id_length = end, size[place]
        for k in range(size[place]):
            ids[end + k] = data[start[place] + k]
        end += size[place]
    return end
