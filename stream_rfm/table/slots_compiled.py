"""What :mod:`stream_rfm.table.slots` does, one by one and compiled by numba: five times as fast.

The signatures are given, so that it is compiled when it is imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from stream_rfm.model.arrays import Bools, Column, Hashes, Ints
from stream_rfm.table.compiled import INLINE, OPTIONS
from stream_rfm.table.slots import FINALISER, KNOWN, LAST_SHIFT, LEAST, SALTS, WIDTH, Shape

# For how many hashes memory is asked before the first answer is looked at.
_AHEAD = 256
LOW, HALF = np.uint64(0xFFFF_FFFF), np.uint64(32)
SLOTS, _FILLED = types.Array(types.uint32, 2, "C"), types.Array(types.uint8, 1, "C")
Layout = tuple[int, int, int, int, int]
SHAPE = types.UniTuple(types.int64, 5)  # type: ignore[no-untyped-call]
HASHES = types.Array(types.uint64, 1, "C", readonly=True)
NUMBERS, _RESULT = types.Array(types.int64, 1, "C", readonly=True), types.Array(types.int64, 1, "C")
_FOUND, _HALVES = types.Array(types.bool_, 1, "C"), types.Array(types.uint64, 1, "C")
_SPAN = types.UniTuple(types.int64, 3)  # type: ignore[no-untyped-call]
_REMOVED = types.Tuple((types.int64, types.uint32))  # type: ignore[no-untyped-call]


@njit(types.int64(SHAPE, types.uint64), **INLINE)
def bucket_of(shape: Layout, half: Any) -> Any:
    """The bucket of a half of a hash."""
    # In the middle of a pass nobody can foresee which it is: both are told sooner than a branch is undone.
    bucket = np.int64(((half & KNOWN) * np.uint64(shape[1])) >> HALF)
    moved = np.int64(((half & KNOWN) * np.uint64(shape[3])) >> HALF)
    return moved if bucket >= shape[0] else bucket


@njit(types.uint32(SHAPE, types.int64, types.uint64), **INLINE)
def tag_of(shape: Layout, bucket: Any, half: Any) -> Any:
    """The bits of a half that stand in a slot of its bucket, with zeros where the number's are."""
    moved = bucket >= shape[0]
    bits = np.uint64(shape[4] if moved else shape[2])
    at = (half & KNOWN) * np.uint64(shape[3] if moved else shape[1])
    return np.uint32((at & LOW) >> bits << bits)


@njit(types.uint32(SHAPE, types.int64, types.uint64, types.int64), **INLINE)
def _mark(shape: Layout, bucket: Any, half: Any, number: Any) -> Any:
    bits = shape[4] if bucket >= shape[0] else shape[2]
    return tag_of(shape, bucket, half) | np.uint32(number % ((1 << bits) - 1) + 1)


@njit(types.uint32(SLOTS, SHAPE, HASHES, types.int64), **INLINE)
def _touch(slots: Column, shape: Layout, hashes: Hashes, low: int) -> Any:
    """Have the lines of many hashes fetched at a time, so that none waits for another."""
    seen = np.uint32(0)
    for i in range(low, min(low + _AHEAD, len(hashes))):
        seen |= slots[bucket_of(shape, hashes[i] & LOW), 0] | slots[bucket_of(shape, hashes[i] >> HALF), 0]
    return seen


@njit(types.int64(SLOTS, SHAPE, types.int64, HASHES, _RESULT, _RESULT), **OPTIONS)
def _candidates(slots: Column, shape: Layout, first: int, hashes: Hashes, places: Ints, numbers: Ints) -> int:
    count, seen = 0, np.uint32(0)
    for i in range(len(hashes)):
        if i % _AHEAD == 0:
            seen |= _touch(slots, shape, hashes, i)
        for turn in range(2):
            half = hashes[i] & LOW if turn == 0 else hashes[i] >> HALF
            bucket = bucket_of(shape, half)
            bits = shape[4] if bucket >= shape[0] else shape[2]
            tag = tag_of(shape, bucket, half)
            most = np.uint32((1 << bits) - 1)
            # Without a branch first, so that it is one comparison of the whole line.
            some = np.uint32(0)
            for slot in range(WIDTH):
                some |= np.uint32(np.uint32((slots[bucket, slot] ^ tag) - np.uint32(1)) < most)
            if not some:
                continue
            for slot in range(WIDTH):
                rest = np.uint32((slots[bucket, slot] ^ tag) - np.uint32(1))
                if rest < most:
                    if count < len(places):
                        places[count] = i
                        numbers[count] = first + (np.int64(rest) - first) % np.int64(most)
                    count += 1
    # What was touched has to be made use of, or it is not read.
    if not count and len(places):
        numbers[0] = seen
    return count


@njit(**INLINE)
def _put(slots: Column, filled: Column, shape: Layout, bucket: Any, half: Any, number: Any) -> bool:
    """Put a number into the bucket that a half brings it to; whether there was room."""
    taken = filled[bucket]
    if taken >= WIDTH:
        return False
    slots[bucket, taken] = _mark(shape, bucket, half, number)
    filled[bucket] = taken + 1
    return True


@njit(types.void(SLOTS, _FILLED, SHAPE, HASHES, NUMBERS, _FOUND), **OPTIONS)
def _place(slots: Column, filled: Column, shape: Layout, hashes: Hashes, numbers: Ints, stuck: Bools) -> None:
    for i in range(len(hashes)):
        half, other_half = hashes[i] & LOW, hashes[i] >> HALF
        bucket, other = bucket_of(shape, half), bucket_of(shape, other_half)
        if filled[other] < filled[bucket]:
            bucket, half = other, other_half
        stuck[i] = not _put(slots, filled, shape, bucket, half, numbers[i])


@njit(types.int64(SLOTS, _FILLED, SHAPE, _SPAN, _RESULT, _RESULT, _HALVES), **OPTIONS)
def _lift(
    slots: Column, filled: Column, shape: Layout, span: Any, numbers: Ints, buckets: Ints, halves: Hashes
) -> int:
    low, first, end = span
    count, modulus = 0, (np.int64(1) << shape[2]) - 1
    tags, step = LOW - np.uint64(modulus), LEAST * np.uint64(shape[1])
    for bucket in range(low, shape[0]):
        for slot in range(filled[bucket]):
            number = (np.int64(slots[bucket, slot]) & modulus) - 1
            if first:
                number = first + (number - first) % modulus
            at = (np.uint64(bucket) << HALF) | (np.uint64(slots[bucket, slot]) & tags)
            slots[bucket, slot] = 0
            if number < end:
                numbers[count], buckets[count] = number, bucket
                halves[count] = (at + step - np.uint64(1)) // step * LEAST
                count += 1
        filled[bucket] = 0
    return count


@njit(types.void(SLOTS, _FILLED, SHAPE, HASHES, NUMBERS, _FOUND), **OPTIONS)
def _spread(
    slots: Column, filled: Column, shape: Layout, halves: Hashes, numbers: Ints, stuck: Bools
) -> None:
    for i in range(len(halves)):
        bucket = bucket_of(shape, halves[i])
        stuck[i] = not _put(slots, filled, shape, bucket, halves[i], numbers[i])


@njit(_REMOVED(SLOTS, _FILLED, SHAPE, HASHES, NUMBERS), **OPTIONS)
def _remove(slots: Column, filled: Column, shape: Layout, hashes: Hashes, numbers: Ints) -> tuple[int, Any]:
    count, seen = 0, np.uint32(0)
    for i in range(len(hashes)):
        if i % _AHEAD == 0:
            seen |= _touch(slots, shape, hashes, i)
        for turn in range(2):
            half = hashes[i] & LOW if turn == 0 else hashes[i] >> HALF
            bucket = bucket_of(shape, half)
            mark = _mark(shape, bucket, half, numbers[i])
            for slot in range(filled[bucket]):
                if slots[bucket, slot] == mark:
                    last = filled[bucket] - 1
                    slots[bucket, slot] = slots[bucket, last]
                    slots[bucket, last] = 0
                    filled[bucket] = last
                    count += 1
                    break
    # What was touched has to be handed out, or it is not read.
    return count, seen


def _layout(shape: Shape) -> Layout:
    """The shape as a plain tuple: a named one is another type to numba."""
    return shape[0], shape[1], shape[2], shape[3], shape[4]


def candidates(slots: Column, shape: Shape, first: int, hashes: Hashes) -> tuple[Ints, Ints]:
    """See :func:`stream_rfm.table.slots.candidates`."""
    hashes, room = np.ascontiguousarray(hashes), 2 * len(hashes) + 64
    while True:
        places, numbers = np.empty(room, np.int64), np.empty(room, np.int64)
        count = _candidates(slots, _layout(shape), first, hashes, places, numbers)
        if count <= room:
            return places[:count], numbers[:count]
        room = count


def place(slots: Column, filled: Column, shape: Shape, hashes: Hashes, numbers: Ints) -> Bools:
    """See :func:`stream_rfm.table.slots.place`."""
    stuck = np.zeros(len(hashes), bool)
    _place(slots, filled, _layout(shape), np.ascontiguousarray(hashes), np.ascontiguousarray(numbers), stuck)
    return stuck


def lift(
    slots: Column, filled: Column, shape: Shape, low: int, first: int, end: int
) -> tuple[Ints, Ints, Hashes]:
    """See :func:`stream_rfm.table.slots.lift`."""
    most = WIDTH * (shape.frontier - low)
    (numbers, buckets), halves = np.empty((2, most), np.int64), np.empty(most, np.uint64)
    count = _lift(slots, filled, _layout(shape), (low, first, end), numbers, buckets, halves)
    return numbers[:count], buckets[:count], halves[:count]


def spread(slots: Column, filled: Column, shape: Shape, halves: Hashes, numbers: Ints) -> Bools:
    """See :func:`stream_rfm.table.slots.spread`."""
    stuck = np.zeros(len(halves), bool)
    _spread(slots, filled, _layout(shape), halves, numbers, stuck)
    return stuck


def remove(slots: Column, filled: Column, shape: Shape, hashes: Hashes, numbers: Ints) -> int:
    """See :func:`stream_rfm.table.slots.remove`."""
    hashes, numbers = np.ascontiguousarray(hashes), np.ascontiguousarray(numbers)
    return int(_remove(slots, filled, _layout(shape), hashes, numbers)[0])


_KEYS = types.Array(types.uint64, 1, "A", readonly=True)


@njit(types.void(_KEYS, NUMBERS, NUMBERS, types.Array(types.uint64, 1, "C")), **OPTIONS)
def _mix(key: Hashes, row: Ints, kind: Ints, mixed: Hashes) -> None:
    (shift, factor), (other_shift, other) = FINALISER
    for i in range(len(key)):
        value = key[i] + np.uint64(row[i]) * SALTS[0] + np.uint64(kind[i]) * SALTS[1]
        value = (value ^ (value >> shift)) * factor
        value = (value ^ (value >> other_shift)) * other
        mixed[i] = value ^ (value >> LAST_SHIFT)


def mixed(key: Hashes, row: Column, kind: Column | int) -> Hashes:
    """See :func:`stream_rfm.table.slots.mixed`."""
    kinds = kind.astype(np.int64) if isinstance(kind, np.ndarray) else np.full(len(key), kind)
    hashes = np.empty(len(key), np.uint64)
    _mix(key, row.astype(np.int64), kinds, hashes)
    return hashes
