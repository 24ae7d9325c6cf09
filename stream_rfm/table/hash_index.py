"""A hash table in one numpy array: numbers of rows or entries by 64-bit hash, thousands at a time.

It holds numbers only; the keys stay in the owner's columns, which say whether a number is the one looked for.
A hash has two buckets of sixteen slots, each as wide as a cache line, and what is added goes into the emptier
one: so a bucket is never full before the table is nearly (Azar, Broder, Karlin and Upfal, "Balanced
allocations", 1994), and finding is a comparison of two rows, without a loop. Bits of a slot that the number
does not need hold bits of the hash, so that columns are hardly asked in vain.

It grows where it is, a bounded number of buckets each time something is added: buckets stand in the order of
hashes, so that from the last one down each can be spread over the wider table in place. Buckets and bits in
their slots tell where numbers go then: nobody is asked for hashes (``docs/decisions/0015-memory.md``).
``docs/decisions/0005-columns.md`` compares it with the libraries that exist.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Protocol

import numpy as np

from stream_rfm.model.arrays import Bools, Column, Hashes, Ints
from stream_rfm.table import slots
from stream_rfm.table.compiled_module import CompiledModule
from stream_rfm.table.growing import Growing
from stream_rfm.table.slots import MAYBE, WIDTH, Shape

# From 0.87 on buckets begin to be full; what finds no room is kept beside.
_FULL, _FEWEST = 0.86, 16
# A pass makes the table larger by a quarter at least, and is over once an eighth has been added.
_GROWTH, _PACE = 1.25, 8
# So many buckets are moved at a time at least, in half a millisecond; of a small table a part of so many, as
# meanwhile it gets fuller and fuller.
_WORTH, _STEPS = 1024, 16
# Up to half a megabyte it doubles, so that each number is moved once and not four times.
_SMALL = 1 << 13
# How many bits of a slot are a number's at most: one is left for the hash.
_MOST_BITS = 31
#: Numbers in use must not be further apart.
PLACES = (1 << _MOST_BITS) - 1

#: Given numbers, and the positions of the questions that they might answer: which are right?
Same = Callable[[Ints, Ints], Bools]

#: Buckets, how they are laid out, the first number; ascending hashes that are beside, their numbers, and for
#: some bits of a hash whether any of them has those.
Parts = tuple[Column, tuple[int, ...], int, Hashes, Ints, Bools]

#: What works on slots, of all tables.
COMPILED = CompiledModule("stream_rfm.table.slots_compiled", before=slots)


class Keys(Protocol):
    """Whoever holds the keys."""

    def hashed(self, numbers: Ints) -> Hashes:
        """The hash of each number's key, of numbers that were added and not removed."""


class HashIndex:
    """Two-choice hashing with buckets of sixteen.

    Attributes:
        first: the lowest number that can be found; owners raise it.
    """

    def __init__(self, keys: Keys, expected: int = 0, way: ModuleType | None = None) -> None:
        """Make room for so many numbers.

        Args:
            keys: who knows the keys.
            expected: how many numbers to make room for.
            way: how to work on slots; by itself the fastest that is there.
        """
        self.first = 0
        self._keys = keys
        self._chosen = way
        buckets, bits = _size(expected, expected)
        self._shape = Shape(buckets, buckets, bits, buckets, bits)
        self._slots = Growing(np.uint32, buckets * WIDTH, scattered=True)
        self._filled = Growing(np.uint8, buckets)
        self._used = 0
        # Behind the largest number so far.
        self._end = 0
        # How many slots are still to be moved for what was added.
        self._owed = 0
        # Ascending hashes that found no room, and their numbers.
        self._beside = _nothing()
        self._maybe_beside = np.zeros(0, bool)

    @property
    def _way(self) -> ModuleType:
        return self._chosen or COMPILED.way

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return self._shape.then_buckets * (4 * WIDTH + 1) + 16 * len(self._beside[0])

    def find(self, hashes: Hashes, same: Same) -> Ints:
        """The number of each hash, or −1.

        Args:
            hashes: of what is looked for.
            same: says which of the numbers found are really the ones looked for.
        """
        found = np.full(len(hashes), -1, np.int64)
        asked, numbers = self._way.candidates(self._lines(), self._shape, self.first, hashes)
        if len(asked):
            hit = same(numbers, asked)
            found[asked[hit]] = numbers[hit]
        if len(self._beside[0]):
            self._find_beside(hashes, same, found)
        return found

    def add(self, hashes: Hashes, numbers: Ints) -> None:
        """Add numbers that are not there yet, the last one the largest."""
        if not len(numbers):
            return
        self._end = max(self._end, int(numbers[-1]) + 1)
        self._make_room(len(numbers), self._end - self.first)
        stuck = self._way.place(self._lines(), self._filled.values, self._shape, hashes, numbers)
        self._used += len(numbers)
        if stuck.any():
            self._keep_beside(hashes[stuck], numbers[stuck])

    def remove(self, hashes: Hashes, numbers: Ints) -> None:
        """Take numbers out that were added with these hashes; those that are not there are passed over."""
        self._used -= self._way.remove(self._lines(), self._filled.values, self._shape, hashes, numbers)
        if len(self._beside[0]):
            kept = ~np.isin(self._beside[1], numbers)
            self._used -= int(np.count_nonzero(~kept))
            self._beside = (self._beside[0][kept], self._beside[1][kept])

    def parts(self) -> Parts:
        """What it is made of, for what is compiled to look: see :mod:`stream_rfm.table.finding_compiled`."""
        return (self._lines(), tuple(self._shape), self.first, *self._beside, self._maybe_beside)

    def _lines(self) -> Column:
        return self._slots.values[: self._shape.then_buckets * WIDTH].reshape(-1, WIDTH)

    def _make_room(self, more: int, span: int) -> None:
        """Go on growing, or begin to, so that so many more fit, the largest so far from the first."""
        while True:
            now = self._shape
            # A pass that has begun need not have moved anything yet.
            if now.then_buckets == now.buckets:
                if self._fits(more, span) and not self._is_crowded():
                    return
                growth = 2 if now.buckets < _SMALL else _GROWTH
                count = max(self._used + more, int(growth * _FULL * WIDTH * now.buckets))
                buckets, bits = _size(count, span)
                # What is still to be removed must not look like another number meanwhile.
                self._shape = now._replace(then_buckets=buckets, then_bits=max(bits, now.bits))
                self._slots.reserve(buckets * WIDTH)
                self._filled.reserve(buckets)
            # Few into a large table: a part of it, so that nobody waits long. Many at once, or so large ones
            # that slots as they were have no room for them: all of it.
            urgent = more > self._used or not self._fits(more, span) or span >= 1 << now.bits
            self._owed += more * _PACE
            if not urgent and self._owed < min(_WORTH, now.buckets // _STEPS) * WIDTH:
                return
            self._move(now.buckets if urgent else self._owed // WIDTH)
            self._owed = 0
            if not urgent:
                return

    def _fits(self, more: int, span: int) -> bool:
        room, largest = _FULL * WIDTH * self._shape.then_buckets, (1 << self._shape.then_bits) - 1
        return self._used + more <= room and span <= largest

    def _is_crowded(self) -> bool:
        """Whether too much had to be kept beside, though there would be room."""
        room = WIDTH * self._shape.buckets
        return len(self._beside[0]) > max(64, room // 64) and self._used > 0.7 * room

    def _move(self, buckets: int) -> None:
        """Spread the next so many buckets, from the last one down, over the wider table."""
        shape, lines, filled = self._shape, self._lines(), self._filled.values
        low = max(0, shape.frontier - buckets)
        self._used -= int(filled[low : shape.frontier].sum())
        numbers, held, halves = self._way.lift(lines, filled, shape, low, self.first, self._end)
        self._used += len(numbers)
        if not shape.tells:
            halves = slots.brought(shape, self._keys.hashed(numbers), held)
        self._shape = shape = shape._replace(frontier=low)
        stuck = numbers[self._way.spread(lines, filled, shape, halves, numbers)]
        if len(stuck):
            self._keep_beside(self._keys.hashed(stuck), stuck)
        if low:
            return
        self._shape = Shape(
            shape.then_buckets, shape.then_buckets, shape.then_bits, shape.then_buckets, shape.then_bits
        )
        (hashes, numbers), self._beside = self._beside, _nothing()
        self._used -= len(numbers)
        order = np.argsort(numbers)
        self.add(hashes[order], numbers[order])

    def _keep_beside(self, hashes: Hashes, numbers: Ints) -> None:
        known, held = self._beside
        if not len(known):
            self._maybe_beside = np.zeros(int(MAYBE) + 1, bool)
        self._maybe_beside[hashes & MAYBE] = True
        hashes, numbers = np.concatenate((known, hashes)), np.concatenate((held, numbers))
        order = hashes.argsort(kind="stable")
        self._beside = (hashes[order], numbers[order])

    def _find_beside(self, hashes: Hashes, same: Same, found: Ints) -> None:
        known, numbers = self._beside
        # Mostly it is none of them, which a few bits tell.
        asked = np.flatnonzero(self._maybe_beside[hashes & MAYBE] & (found < 0))
        if not len(asked):
            return
        at, end = (np.searchsorted(known, hashes[asked], side) for side in ("left", "right"))
        while len(asked):
            left = at < end
            asked, at, end = asked[left], at[left], end[left]
            candidates = numbers[at]
            hit = same(candidates, asked)
            found[asked[hit]] = candidates[hit]
            asked, at, end = asked[~hit], at[~hit] + 1, end[~hit]


def _nothing() -> tuple[Hashes, Ints]:
    return np.empty(0, np.uint64), np.empty(0, np.int64)


def _size(count: int, span: int) -> tuple[int, int]:
    """How many buckets so many numbers need, and how many bits those that are so far apart."""
    buckets = max(_FEWEST, -int(-count // (WIDTH * _FULL)))
    return buckets, min((2 * max(count, span, WIDTH * _FEWEST)).bit_length(), _MOST_BITS)


def mixed(key: Hashes, row: Column, kind: Column | int) -> Hashes:
    """One hash of three numbers: Steele, Lea and Flood's SplitMix64 finaliser over their sum."""
    hashes: Hashes = COMPILED.way.mixed(key, row, kind)
    return hashes
