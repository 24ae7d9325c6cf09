"""A hash table in one numpy array: places of rows by 64-bit hash, thousands at a time.

It holds places only; the keys stay in the caller's columns, which say whether a place is the one looked
for. At most half full it takes eight bytes a row or a little more, against a hundred of a dict.
``docs/decisions/0005-columns.md`` compares it with the libraries that exist.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stream_rfm.model.arrays import Bools, Hashes, Ints

_EMPTY = np.uint32(0xFFFF_FFFF)
#: Places are numbers below this, so that none looks like an empty slot.
PLACES = 0xFFFF_FFFF
_SMALLEST = 1 << 10

#: Given places, and the positions of the questions that they might answer: which are right?
Same = Callable[[Ints, Ints], Bools]


class HashIndex:
    """Open addressing with linear probing, at most half full."""

    def __init__(self, expected: int = 0) -> None:
        """Make room for so many places."""
        size = _SMALLEST
        while size < 2 * expected:
            size *= 2
        self._slots: NDArray[np.uint32] = np.full(size, _EMPTY, np.uint32)
        self._mask = np.uint64(size - 1)
        self._used = 0

    def has_room(self, more: int) -> bool:
        """Whether so many more fit; if not, the caller makes a new index of all its rows."""
        return 2 * (self._used + more) <= len(self._slots)

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return self._slots.nbytes

    def find(self, hashes: Hashes, same: Same) -> Ints:
        """The place of each hash, or −1.

        Args:
            hashes: of what is looked for.
            same: says which of the places found are really the ones looked for.
        """
        found = np.full(len(hashes), -1, np.int64)
        slot = (hashes & self._mask).astype(np.int64)
        asked = np.arange(len(hashes))
        while len(asked):
            places = self._slots[slot[asked]]
            taken = places != _EMPTY
            asked, candidates = asked[taken], places[taken].astype(np.int64)
            hit = same(candidates, asked)
            found[asked[hit]] = candidates[hit]
            asked = asked[~hit]
            slot[asked] = (slot[asked] + 1) & int(self._mask)
        return found

    def add(self, hashes: Hashes, places: Ints) -> None:
        """Add places that are not there yet; there must be room."""
        slot = (hashes & self._mask).astype(np.int64)
        marks = places.astype(np.uint32)
        waiting = np.arange(len(hashes))
        while len(waiting):
            free = self._slots[slot[waiting]] == _EMPTY
            tried = waiting[free]
            self._slots[slot[tried]] = marks[tried]
            # Several may have tried the same slot; only one of them is now in it.
            lost = tried[self._slots[slot[tried]] != marks[tried]]
            waiting = np.concatenate([waiting[~free], lost])
            slot[waiting] = (slot[waiting] + 1) & int(self._mask)
        self._used += len(hashes)


def mixed(key: Hashes, row: Ints, kind: Ints | int) -> Hashes:
    """One hash of three numbers: Steele, Lea and Flood's SplitMix64 finaliser over their sum."""
    with np.errstate(over="ignore"):
        salt = row.astype(np.uint64) * np.uint64(0x9E37_79B9_7F4A_7C15)
        salt += np.asarray(kind, np.uint64) * np.uint64(0xD1B5_4A32_D192_ED03)
        value = key + salt
        value ^= value >> np.uint64(30)
        value *= np.uint64(0xBF58_476D_1CE4_E5B9)
        value ^= value >> np.uint64(27)
        value *= np.uint64(0x94D0_49BB_1331_11EB)
        return value ^ (value >> np.uint64(31))
