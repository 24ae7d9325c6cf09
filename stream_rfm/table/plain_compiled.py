"""Looking at a batch of orders and refunds, one after the other: compiled by numba, and nothing is changed.

It says whose each is, which were seen before, and whether all of them are so plain that they can be counted
one behind the other. A pass over a few hundred at a time asks memory for what the next pass reads, so that
none waits for another: with millions of customers an event touches ten lines that are in no cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype, njit, types

from stream_rfm.model.order import Kind
from stream_rfm.table.compiled import INLINE, OPTIONS
from stream_rfm.table.customer_row import ROW
from stream_rfm.table.entry_columns import CANCELLED, CHUNK, FLAGS_SHIFT, KIND_BITS, ROW_SHIFT, SUPERSEDED
from stream_rfm.table.finding_compiled import INDEX, candidate, first_of, mixed, touched
from stream_rfm.table.packed_compiled import PACKED, value_at

#: What :func:`look` counts: events that count, strangers, events seen before, refunds with an id of their own
#: that count; and whether anything in the window is so old that it may leave. The last is of no use.
COUNTED, STRANGERS, DUPLICATES, OWN_IDS, OLD, _SEEN, COUNTS = 0, 1, 2, 3, 4, 5, 6
#: What is said of each event, a line each: its customer's row; then the places of those that count, and of
#: the first of each stranger.
ROWS, PLACES, FIRSTS, LINES = 0, 1, 2, 3

_ORDER, _REFUND, _CANCEL = int(Kind.ORDER), int(Kind.REFUND), int(Kind.CANCEL)
# How many events a pass looks at.
_AHEAD = 256
_INT, _HASH = types.int64, types.uint64
_INTS, _HASHES = types.Array(_INT, 1, "A", readonly=True), types.Array(_HASH, 1, "A", readonly=True)
_KINDS, _DIGESTS = types.Array(types.uint8, 1, "A", readonly=True), types.Array(_HASH, 2, "A", readonly=True)
_EVENTS = types.Tuple((_KINDS, _INTS, _INTS, _INTS, _DIGESTS, _HASHES, _HASHES))  # type: ignore[no-untyped-call]
_TABLE, _WORDS, _NUMBERS = (types.Array(of, 1, "C") for of in (from_dtype(ROW), types.int32, _INT))
_CUSTOMERS = types.Tuple((INDEX, _TABLE, _INT))  # type: ignore[no-untyped-call]
_ENTRIES = types.Tuple(  # type: ignore[no-untyped-call]
    (INDEX, types.Array(_HASH, 1, "C"), _WORDS, PACKED, _NUMBERS, _INT, _INT)
)
_BY = types.UniTuple(_INT, 5)  # type: ignore[no-untyped-call]
_OUT = types.Tuple(  # type: ignore[no-untyped-call]
    (
        types.Array(_INT, 2, "C"),
        types.Array(_HASH, 1, "C"),
        types.Array(types.bool_, 1, "C"),
        _NUMBERS,
        _WORDS,
    )
)


@njit(_INT(_ENTRIES, _HASH, _HASH, _INT, _INT, _INT), **INLINE)
def _known(entries: Any, named: Any, key: Any, row: Any, kind: Any, since: Any) -> Any:
    """Where in memory the latest entry is that an id names, of what happened after an instant; −1: none."""
    index, keys, words, instants, _, start, count = entries
    number, nth, latest = first_of(index, named), 0, -1
    while number >= 0:
        at = number - index[2] + start
        if number - index[2] < count and keys[at] == key:
            word = _INT(words[at])
            if (
                word >> ROW_SHIFT == row
                and word & KIND_BITS == kind
                and not (word >> FLAGS_SHIFT) & SUPERSEDED
                and value_at(instants, at) > since
            ):
                latest = max(latest, at)
        nth += 1
        number = candidate(index, named, nth)
    return latest


@njit(_INT(_EVENTS, _CUSTOMERS, _INT, _OUT), **INLINE)
def _stranger(events: Any, customers: Any, place: Any, out: Any) -> Any:
    """The row that a stranger will have: the first that is free, or what an earlier event was given."""
    digest, (said, _, _, counts, scratch) = events[4], out
    mask = len(scratch) // 2 - 1
    slot = np.int64(digest[place, 0]) & mask
    while scratch[slot]:
        other = scratch[slot] - 1
        if digest[other, 0] == digest[place, 0] and digest[other, 1] == digest[place, 1]:
            return said[ROWS, other]
        slot = (slot + 1) & mask
    scratch[slot] = place + 1
    said[FIRSTS, counts[STRANGERS]] = place
    counts[STRANGERS] += 1
    return customers[2] + counts[STRANGERS] - 1


@njit(types.float64(_EVENTS, _CUSTOMERS, _INT, _INT, _OUT), **INLINE)
def _whose(events: Any, customers: Any, low: Any, high: Any, out: Any) -> Any:
    """Find the rows of customers; the largest sum of money in one of them."""
    digest, (index, table, _), (said, _, _, counts, _) = events[4], customers, out
    seen = np.uint32(0)
    for i in range(low, high):
        seen |= touched(index, digest[i, 0])
    for i in range(low, high):
        said[ROWS, i] = first_of(index, digest[i, 0])
    for i in range(low, high):
        row = max(said[ROWS, i], 0)
        seen |= np.uint32(table[row].digest_low) | np.uint32(table[row].id_start)
    counts[_SEEN] |= seen
    largest = 0.0
    for i in range(low, high):
        row, nth = said[ROWS, i], 0
        while row >= 0 and (table[row].digest_low != digest[i, 0] or table[row].digest_high != digest[i, 1]):
            nth += 1
            row = candidate(index, digest[i, 0], nth)
        if row < 0:
            row = _stranger(events, customers, i, out)
        else:
            largest = max(largest, abs(np.float64(table[row].monetary)))
            largest = max(largest, abs(np.float64(table[row].lifetime_monetary)))
        said[ROWS, i] = row
    return largest


@njit(types.bool_(_ENTRIES, _HASH, _INT, _INT, _INT), **INLINE)
def _may_be_void(entries: Any, order: Any, row: Any, kind: Any, since: Any) -> Any:
    """Whether a cancel is known of the order that an event is or names."""
    if _known(entries, mixed(order, row, _CANCEL), order, row, _CANCEL, since) >= 0:
        return True
    if kind == _ORDER:
        return False
    bought = _known(entries, mixed(order, row, _ORDER), order, row, _ORDER, since)
    return bought >= 0 and (entries[2][bought] >> FLAGS_SHIFT) & CANCELLED != 0


# What becomes of an event: it counts, it was seen before, or others have to say.
_COUNTS, _DUPLICATE, _ODD = 0, 1, 2


@njit(_INT(_EVENTS, _ENTRIES, _BY, _INT, _INT, _HASH, _INT, _OUT), **INLINE)
def _becomes(  # noqa: PLR0913, PLR0917 - numba takes them one by one
    events: Any, entries: Any, by: Any, place: Any, row: Any, named: Any, since: Any, out: Any
) -> Any:
    kind, at, key, scratch = events[0][place], events[1], events[5][place], out[4]
    known = _known(entries, named, key, row, kind, since)
    if known >= 0:
        return _DUPLICATE if abs(at[place] - value_at(entries[3], known)) <= by[3] else _ODD
    if by[4] and _may_be_void(entries, events[6][place], row, kind, since):
        return _ODD
    half = len(scratch) // 2
    slot = np.int64(named) & (half - 1)
    while scratch[half + slot]:
        other = scratch[half + slot] - 1
        if out[1][other] == named:
            # The other one is not forgotten meanwhile: it would have left the window before.
            return _DUPLICATE if abs(at[place] - at[other]) <= by[3] else _ODD
        slot = (slot + 1) & (half - 1)
    scratch[half + slot] = place + 1
    return _COUNTS if at[place] > since else _ODD


@njit(types.bool_(_EVENTS, _ENTRIES, _BY, _INT, _INT, _OUT), **INLINE)
def _admitted(events: Any, entries: Any, by: Any, low: Any, high: Any, out: Any) -> Any:
    """Find out which events count; whether all of them are plain."""
    kind, at, _, as_of, _, key, order = events
    said, names, inside, counts, _ = out
    seen = np.uint32(0)
    for i in range(low, high):
        names[i] = mixed(key[i], said[ROWS, i], kind[i])
    for i in range(low, high):
        seen |= touched(entries[0], names[i])
    if by[4]:
        for i in range(low, high):
            seen |= touched(entries[0], mixed(order[i], said[ROWS, i], _CANCEL))
    counts[_SEEN] |= seen
    for i in range(low, high):
        since = max(as_of[i] - by[0], by[1])
        becomes = _becomes(events, entries, by, i, said[ROWS, i], names[i], since, out)
        if becomes == _ODD:
            return False
        if becomes == _DUPLICATE:
            counts[DUPLICATES] += 1
            continue
        count = counts[COUNTED]
        said[PLACES, count], inside[count] = i, at[i] > as_of[i] - by[2]
        counts[OWN_IDS] += kind[i] == _REFUND and key[i] != order[i]
        counts[COUNTED] = count + 1
    return True


@njit(types.bool_(_EVENTS, _ENTRIES, _BY, _OUT), **INLINE)
def _stays(events: Any, entries: Any, by: Any, out: Any) -> Any:
    """Whether all events are of plain kinds, and none may leave the window before another is scored."""
    kind, at, as_of = events[0], events[1], events[3]
    cutoff = as_of[len(as_of) - 1] - by[2]
    goes_on = as_of[0] < cutoff + by[2]
    for i in range(len(kind)):
        if kind[i] > _REFUND or (goes_on and at[i] <= cutoff):
            return False
    oldest, start, count = entries[4], entries[5], entries[6]
    for chunk in range(start // CHUNK, -(-(start + count) // CHUNK)):
        if oldest[chunk] <= cutoff:
            out[3][OLD] = 1
    return True


@njit(types.bool_(_EVENTS, _CUSTOMERS, _ENTRIES, _BY, types.float64, _OUT), **OPTIONS)
def look(events: Any, customers: Any, entries: Any, by: Any, most: float, out: Any) -> bool:
    """Whether a batch is plain, and what its events are; see :mod:`stream_rfm.table.plain`.

    Args:
        events: of the batch: kinds, instants, amounts in millionths, the instants that customers are scored
            as of, the halves of the customers' digests, the hashes of the events' ids and of the orders'.
        customers: their index, their rows, and how many there are.
        entries: their index, keys, words and instants, the oldest of each chunk, where position 0 is, and
            how many there are.
        by: microseconds after which what happened is forgotten, an instant until which it is, the length of
            the window, the microseconds within which an id seen again is the same event, and whether there
            are cancels.
        most: millionths that no customer may have more of.
        out: the lines above; room for the hashes that events are found by; for whether each that counts is
            inside the window; for the counts above, all 0; and twice as many zeros as a power of two above
            the number of events.
    """
    counts = out[3]
    if not _stays(events, entries, by, out):
        return False
    together, largest, amount = 0.0, 0.0, events[2]
    for low in range(0, len(amount), _AHEAD):
        high = min(low + _AHEAD, len(amount))
        largest = max(largest, _whose(events, customers, low, high, out))
        if not _admitted(events, entries, by, low, high, out):
            return False
        for i in range(low, high):
            together += np.float64(amount[i])
    return largest + together <= most and counts[COUNTED] <= len(amount)
