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


def candidates(slots: Column, shape: Shape, first: int, hashes: Hashes) -> tuple[Ints, Ints]:
    """Which numbers, from a first one on, may have some hashes.

    Returns:
        The places of the hashes, and the numbers.
    """
    tags = _tags(hashes)
    found: list[tuple[Ints, Ints]] = []
    for half in (hashes & LOW, hashes >> HALF):
        buckets = _buckets(shape, half)
        bits = _bits(shape, buckets)
        # What is left of a slot that has the tag, and is not empty, is the number.
        rest = np.take(slots, buckets, axis=0)
        rest ^= (tags << bits)[:, None]
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

    def emptier(waiting: Ints) -> Ints:
        one, other = (_buckets(shape, half[waiting]) for half in (hashes & LOW, hashes >> HALF))
        return np.where(filled[other] < filled[one], other, one)

    return _put(slots, filled, shape, hashes, numbers, emptier)


def lift(slots: Column, filled: Column, shape: Shape, low: int, first: int) -> tuple[Ints, Ints]:
    """Empty the buckets from one on up to the frontier.

    Returns:
        The numbers, from a first one on, that were in there, and the bucket of each.
    """
    lines = slots[low : shape.frontier]
    where = np.flatnonzero(lines)
    modulus = (1 << shape.bits) - 1
    known = (lines.ravel()[where] & np.uint32(modulus)).astype(np.int64) - 1
    lines[:], filled[low : shape.frontier] = 0, 0
    return first + (known - first) % modulus, low + where // WIDTH


def spread(
    slots: Column, filled: Column, shape: Shape, hashes: Hashes, buckets: Ints, numbers: Ints, kept: Bools
) -> Bools:
    """Put numbers where the pass wants those that a half of their hash had brought to a bucket.

    Args:
        slots: all buckets.
        filled: how many slots of each are in use.
        shape: how they are laid out; the frontier is below all of these buckets.
        hashes: of the numbers.
        buckets: that they were in.
        numbers: in no particular order.
        kept: those that have to be found; from here on without those whose hash would have brought them to
            another bucket.

    Returns:
        Which found no room.
    """
    halves = (hashes & LOW, hashes >> HALF)
    by_one, by_other = (
        ((half * np.uint64(shape.buckets)) >> HALF).astype(np.int64) == buckets for half in halves
    )
    # A number of long ago may be another entry's now; that one is where its own hash says.
    kept &= by_one | by_other
    half = np.where(by_one, *halves)[kept]

    def wanted(waiting: Ints) -> Ints:
        return ((half[waiting] * np.uint64(shape.then_buckets)) >> HALF).astype(np.int64)

    stuck = np.zeros(len(hashes), bool)
    stuck[kept] = _put(slots, filled, shape, hashes[kept], numbers[kept], wanted)
    return stuck


def remove(slots: Column, filled: Column, shape: Shape, hashes: Hashes, numbers: Ints) -> int:
    """Take numbers out; those that are not there are passed over.

    Returns:
        How many were there.
    """
    count = 0
    for half in (hashes & LOW, hashes >> HALF):
        buckets = _buckets(shape, half)
        marks = _marks(shape, buckets, hashes, numbers)
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
    hashes: Hashes,
    numbers: Ints,
    bucket_of: Callable[[Ints], Ints],
) -> Bools:
    """Put numbers into the buckets that those still waiting have now; gives which found no room."""
    stuck = np.zeros(len(hashes), bool)
    waiting = np.arange(len(hashes))
    while len(waiting):
        target = bucket_of(waiting)
        full = filled[target] >= WIDTH
        stuck[waiting[full]] = True
        waiting, target = waiting[~full], target[~full]
        # One into each at a time, so that the next sees which one is emptier.
        target, first = np.unique(target, return_index=True)
        chosen = waiting[first]
        slots[target, filled[target]] = _marks(shape, target, hashes[chosen], numbers[chosen])
        filled[target] += 1
        waiting = np.delete(waiting, first)
    return stuck


def _buckets(shape: Shape, half: Hashes) -> Ints:
    """The bucket of each half of a hash."""
    buckets = ((half * np.uint64(shape.buckets)) >> HALF).astype(np.int64)
    if shape.frontier < shape.buckets:
        moved = buckets >= shape.frontier
        buckets[moved] = (half[moved] * np.uint64(shape.then_buckets)) >> HALF
    return buckets


def _bits(shape: Shape, buckets: Ints) -> Column:
    """How many bits of a bucket's slots are the number's."""
    return np.where(buckets >= shape.frontier, np.uint32(shape.then_bits), np.uint32(shape.bits))


def _tags(hashes: Hashes) -> Column:
    """Bits of both halves, of which the lowest go into a slot: buckets follow from the highest of each."""
    return ((hashes ^ (hashes >> HALF)) & LOW).astype(np.uint32)


def _marks(shape: Shape, buckets: Ints, hashes: Hashes, numbers: Ints) -> Column:
    """What stands in a slot: bits of the hash, and one more than the number, so that none looks empty."""
    bits = _bits(shape, buckets)
    modulus = (np.int64(1) << bits.astype(np.int64)) - 1
    return (_tags(hashes) << bits) | (numbers % modulus + 1).astype(np.uint32)


def mixed(key: Hashes, row: Column, kind: Column | int) -> Hashes:
    """One hash of three numbers each: of an id, a row and a kind."""
    with np.errstate(over="ignore"):
        salt = row.astype(np.uint64) * SALTS[0] + np.asarray(kind, np.uint64) * SALTS[1]
        value = key + salt
        for shift, factor in FINALISER:
            value = (value ^ (value >> shift)) * factor
        return value ^ (value >> LAST_SHIFT)
