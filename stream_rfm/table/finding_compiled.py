"""Finding numbers in a hash index one by one, for what is compiled to look while it does something else.

:mod:`stream_rfm.table.slots_compiled` finds all of thousands of hashes before the first is compared with what
is in the owner's columns. Here the owner's code asks for one after the other, and stops at the right one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from stream_rfm.model.arrays import Column, Hashes
from stream_rfm.table.compiled import INLINE
from stream_rfm.table.slots import FINALISER, LAST_SHIFT, MAYBE, SALTS, WIDTH
from stream_rfm.table.slots_compiled import HALF, LOW, SHAPE, SLOTS, bucket_of, tag_of

_INT, _HASH = types.int64, types.uint64
#: An index, as :meth:`stream_rfm.table.hash_index.HashIndex.parts` gives it: buckets, how they are laid out,
#: the first number, and what is kept beside: ascending hashes, their numbers, and whether any has some bits.
INDEX = types.Tuple(  # type: ignore[no-untyped-call]
    (SLOTS, SHAPE, _INT, *(types.Array(of, 1, "C") for of in (_HASH, _INT, types.bool_)))
)


@njit(types.uint32(INDEX, _HASH), **INLINE)
def touched(index: Any, hash_: Any) -> Any:
    """Have the lines of a hash fetched; what it gives has to be made use of, or they are not."""
    slots, shape = index[0], index[1]
    return slots[bucket_of(shape, hash_ & LOW), 0] | slots[bucket_of(shape, hash_ >> HALF), 0]


@njit(_INT(SLOTS, SHAPE, _INT, _HASH, _INT), **INLINE)
def _marked(slots: Column, shape: Any, bucket: Any, half: Any, after: Any) -> Any:
    """The first slot of a bucket behind another one that may be a half's; none: as many as there are."""
    most = np.uint32((1 << (shape[4] if bucket >= shape[0] else shape[2])) - 1)
    tag = tag_of(shape, bucket, half)
    # Without a branch first, so that it is one comparison of the whole line.
    some = np.uint32(0)
    for slot in range(WIDTH):
        some |= np.uint32(np.uint32((slots[bucket, slot] ^ tag) - np.uint32(1)) < most)
    if some:
        for slot in range(after + 1, WIDTH):
            if np.uint32((slots[bucket, slot] ^ tag) - np.uint32(1)) < most:
                return slot
    return WIDTH


@njit(_INT(INDEX, _HASH, _INT), **INLINE)
def _beside(index: Any, hash_: Any, nth: Any) -> Any:
    hashes, numbers, maybe = index[3], index[4], index[5]
    # Mostly it is none of them, and to look for it in vain would take longer than all else.
    if not len(hashes) or not maybe[hash_ & MAYBE]:
        return -1
    low, high = 0, len(hashes)
    while low < high:
        middle = (low + high) >> 1
        if hashes[middle] < hash_:
            low = middle + 1
        else:
            high = middle
    low += nth
    return numbers[low] if low < len(hashes) and hashes[low] == hash_ else -1


@njit(_INT(INDEX, _HASH, _INT), **INLINE)
def candidate(index: Any, hash_: Any, nth: Any) -> Any:
    """A number that a hash may be of, the first of them for 0 and so on; −1: there are no more."""
    slots, shape, first = index[0], index[1], index[2]
    for turn in range(2):
        half = hash_ & LOW if turn == 0 else hash_ >> HALF
        bucket = bucket_of(shape, half)
        slot = _marked(slots, shape, bucket, half, -1)
        while slot < WIDTH:
            if nth == 0:
                most = np.int64((1 << (shape[4] if bucket >= shape[0] else shape[2])) - 1)
                rest = np.uint32((slots[bucket, slot] ^ tag_of(shape, bucket, half)) - np.uint32(1))
                return first + (np.int64(rest) - first) % most
            nth -= 1
            slot = _marked(slots, shape, bucket, half, slot)
    return _beside(index, hash_, nth)


@njit(types.uint32(SLOTS, _INT, types.uint32, types.uint32), **INLINE)
def _hits(slots: Column, bucket: Any, tag: Any, most: Any) -> Any:
    """A bucket's slots that may be a hash's: the sum of their places, and above 8 bits how many they are."""
    hits = np.uint32(0)
    for slot in range(WIDTH):
        hit = np.uint32((slots[bucket, slot] ^ tag) - np.uint32(1)) < most
        hits += np.uint32(slot + 256) if hit else np.uint32(0)
    return hits


@njit(_INT(INDEX, _HASH), **INLINE)
def first_of(index: Any, hash_: Any) -> Any:
    """What :func:`candidate` says for 0.

    Mostly there is one at most. Which bucket and slot it is in nobody can foresee: to branch by that costs
    more than to compare all of them.
    """
    slots, shape, first = index[0], index[1], index[2]
    one, other = bucket_of(shape, hash_ & LOW), bucket_of(shape, hash_ >> HALF)
    bits = shape[4] if one >= shape[0] else shape[2]
    other_bits = shape[4] if other >= shape[0] else shape[2]
    tag, other_tag = tag_of(shape, one, hash_ & LOW), tag_of(shape, other, hash_ >> HALF)
    hits = _hits(slots, one, tag, np.uint32((1 << bits) - 1))
    more = _hits(slots, other, other_tag, np.uint32((1 << other_bits) - 1))
    together = hits + more
    if not together:
        return _beside(index, hash_, 0)
    if together >> np.uint32(8) > 1:
        return candidate(index, hash_, 0)
    bucket, most = (one, (1 << bits) - 1) if hits else (other, (1 << other_bits) - 1)
    slot = together & np.uint32(0xFF)
    rest = np.uint32((slots[bucket, slot] ^ (tag if hits else other_tag)) - np.uint32(1))
    # Most tables begin at 0, and to divide takes as long as to compare.
    return np.int64(rest) if not first else first + (np.int64(rest) - first) % most


@njit(_HASH(_HASH, _INT, _INT), **INLINE)
def mixed(key: Hashes, row: Any, kind: Any) -> Any:
    """One hash of three numbers; see :func:`stream_rfm.table.hash_index.mixed`."""
    (shift, factor), (other_shift, other) = FINALISER
    value = key + np.uint64(row) * SALTS[0] + np.uint64(kind) * SALTS[1]
    value = (value ^ (value >> shift)) * factor
    value = (value ^ (value >> other_shift)) * other
    return value ^ (value >> LAST_SHIFT)
