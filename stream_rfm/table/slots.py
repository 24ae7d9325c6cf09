"""What is done with the buckets of a hash index, thousands at a time in numpy.

:mod:`stream_rfm.table.slots_compiled` does the same one by one, compiled, where numba is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from stream_rfm.model.arrays import Bools, Column, Hashes, Ints

#: Slots in a bucket: a cache line of them.
WIDTH = 16
LOW, HALF = np.uint64(0xFFFF_FFFF), np.uint64(32)
#: The bits of a half that say where its number stands. The lowest six do not: so few are left that a bucket
#: and what a slot has room for tell all of them, and a table grows without asking anybody for hashes.
KNOWN, LEAST = np.uint64(0xFFFF_FFC0), np.uint64(0x40)
#: Bits of a hash that tell whether it may be of those that found no room.
MAYBE = np.uint64(0xFFFF)

#: What rows and kinds are multiplied by before they are added, and the finaliser of SplitMix64 (Steele, Lea
#: and Flood, "Fast splittable pseudorandom number generators", 2014): shifts, and what follows each.
SALTS = np.uint64(0x9E37_79B9_7F4A_7C15), np.uint64(0xD1B5_4A32_D192_ED03)
FINALISER = (
    (np.uint64(30), np.uint64(0xBF58_476D_1CE4_E5B9)),
    (np.uint64(27), np.uint64(0x94D0_49BB_1331_11EB)),
)
LAST_SHIFT = np.uint64(31)


class Shape(NamedTuple):
    """How buckets are laid out, before a pass over them and after it.

    Attributes:
        frontier: buckets from here on are laid out as after the pass.
        buckets: how many there were.
        bits: how many bits of a slot were the number's.
        then_buckets: how many there are after the pass.
        then_bits: how many bits are the number's then.
    """

    frontier: int
    buckets: int
    bits: int
    then_buckets: int
    then_bits: int

    @property
    def tells(self) -> bool:
        """Whether slots before the frontier tell all bits of a half that are needed to go on by it."""
        return self.buckets * int(LEAST) >= 1 << self.bits


def candidates(slots: Column, shape: Shape, first: int, hashes: Hashes) -> tuple[Ints, Ints]:
    """Which numbers, from a first one on, may have some hashes.

    Returns:
        The places of the hashes, and the numbers.
    """
    found: list[tuple[Ints, Ints]] = []
    for half in (hashes & LOW, hashes >> HALF):
        buckets, bits, tags = _spots(shape, half)
        # What is left of a slot that has the tag, and is not empty, is the number.
        rest = np.take(slots, buckets, axis=0)
        rest ^= tags[:, None]
        rest -= np.uint32(1)
        where = np.flatnonzero(rest < ((np.uint32(1) << bits) - np.uint32(1))[:, None])
        modulus = (np.int64(1) << bits[where // WIDTH].astype(np.int64)) - 1
        found.append((where // WIDTH, first + (rest.ravel()[where].astype(np.int64) - first) % modulus))
    places, numbers = (np.concatenate(both) for both in zip(*found, strict=True))
    return places, numbers


def place(slots: Column, filled: Column, shape: Shape, hashes: Hashes, numbers: Ints) -> Bools:
    """Put numbers into the emptier of their two buckets.

    Returns:
        Which found no room.
    """
    halves = (hashes & LOW, hashes >> HALF)

    def emptier(waiting: Ints) -> Hashes:
        one, other = (_spots(shape, half[waiting])[0] for half in halves)
        return np.where(filled[other] < filled[one], halves[1][waiting], halves[0][waiting])

    return _put(slots, filled, shape, numbers, emptier)


def lift(
    slots: Column, filled: Column, shape: Shape, low: int, first: int, end: int
) -> tuple[Ints, Ints, Hashes]:
    """Empty the buckets from one on up to the frontier.

    Returns:
        The numbers, from a first one on and before an end, that were in there, the bucket of each, and the
        half that had brought it there, if the shape tells that.
    """
    lines = slots[low : shape.frontier]
    where = np.flatnonzero(lines)
    modulus = (1 << shape.bits) - 1
    slot = lines.ravel()[where]
    known = (slot & np.uint32(modulus)).astype(np.int64) - 1
    numbers, buckets = first + (known - first) % modulus, low + where // WIDTH
    # The only one of the halves that there may be by which bucket and tag follow.
    at = (buckets.astype(np.uint64) << HALF) | (slot & ~np.uint32(modulus))
    step = LEAST * np.uint64(shape.buckets)
    halves = (at + (step - np.uint64(1))) // step * LEAST
    lines[:], filled[low : shape.frontier] = 0, 0
    kept = numbers < end
    return numbers[kept], buckets[kept], halves[kept]


def brought(shape: Shape, hashes: Hashes, buckets: Ints) -> Hashes:
    """The half of each hash that had brought it to a bucket."""
    one, other = hashes & LOW, hashes >> HALF
    return np.where(_spots(shape, one)[0] == buckets, one, other)


def spread(slots: Column, filled: Column, shape: Shape, halves: Hashes, numbers: Ints) -> Bools:
    """Put numbers where the pass wants those that a half of their hash had brought to where they were.

    Args:
        slots: all buckets.
        filled: how many slots of each are in use.
        shape: how they are laid out; the frontier is below all buckets that the numbers were in.
        halves: of their hashes.
        numbers: in no particular order.

    Returns:
        Which found no room.
    """
    return _put(slots, filled, shape, numbers, lambda waiting: halves[waiting])


def remove(slots: Column, filled: Column, shape: Shape, hashes: Hashes, numbers: Ints) -> int:
    """Take numbers out; those that are not there are passed over.

    Returns:
        How many were there.
    """
    count = 0
    for half in (hashes & LOW, hashes >> HALF):
        buckets, marks = _marks(shape, half, numbers)
        while True:
            question, column = np.nonzero(slots[buckets] == marks[:, None])
            if not len(question):
                break
            # One of each bucket at a time: the last one takes its place.
            bucket, first = np.unique(buckets[question], return_index=True)
            column, last = column[first], filled[bucket] - 1
            slots[bucket, column] = slots[bucket, last]
            slots[bucket, last] = 0
            filled[bucket] -= 1
            count += len(bucket)
    return count


def _put(
    slots: Column,
    filled: Column,
    shape: Shape,
    numbers: Ints,
    half_of: Callable[[Ints], Hashes],
) -> Bools:
    """Put numbers where a half brings those that are still waiting; gives which found no room."""
    stuck = np.zeros(len(numbers), bool)
    waiting = np.arange(len(numbers))
    while len(waiting):
        target, marks = _marks(shape, half_of(waiting), numbers[waiting])
        full = filled[target] >= WIDTH
        stuck[waiting[full]] = True
        waiting, target, marks = waiting[~full], target[~full], marks[~full]
        # One into each at a time, so that the next sees which one is emptier.
        target, first = np.unique(target, return_index=True)
        slots[target, filled[target]] = marks[first]
        filled[target] += 1
        waiting = np.delete(waiting, first)
    return stuck


def _spots(shape: Shape, half: Hashes) -> tuple[Ints, Column, Column]:
    """The bucket that a half brings to, how many bits of its slots are a number's, and what the others are.

    The highest bits of a half times the number of buckets are the bucket, those behind them the tag.
    """
    known = half & KNOWN
    at = known * np.uint64(shape.buckets)
    moved = (at >> HALF).astype(np.int64) >= shape.frontier
    at[moved] = known[moved] * np.uint64(shape.then_buckets)
    bits = np.where(moved, np.uint32(shape.then_bits), np.uint32(shape.bits))
    return (at >> HALF).astype(np.int64), bits, (at & LOW).astype(np.uint32) >> bits << bits


def _marks(shape: Shape, half: Hashes, numbers: Ints) -> tuple[Ints, Column]:
    """Buckets, and what stands in a slot: the tag, and one more than the number, so that none looks empty."""
    buckets, bits, tags = _spots(shape, half)
    modulus = (np.int64(1) << bits.astype(np.int64)) - 1
    return buckets, tags | (numbers % modulus + 1).astype(np.uint32)


def mixed(key: Hashes, row: Column, kind: Column | int) -> Hashes:
    """One hash of three numbers each: of an id, a row and a kind."""
    with np.errstate(over="ignore"):
        salt = row.astype(np.uint64) * SALTS[0] + np.asarray(kind, np.uint64) * SALTS[1]
        value = key + salt
        for shift, factor in FINALISER:
            value = (value ^ (value >> shift)) * factor
        return value ^ (value >> LAST_SHIFT)
