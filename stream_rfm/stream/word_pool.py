"""Words that are the same for many records, where compiled code finds them by their numbers."""

from __future__ import annotations

import numpy as np

from stream_rfm.model.arrays import Column, Ints
from stream_rfm.stream.words import Words
from stream_rfm.table.moves import CAUSES

#: Kinds of words: of standings, ways, advice and causes for transitions, of segments, and of the same packed.
STANDING, WAY, ADVICE, CAUSED, SEGMENT, PACKED = range(6)
#: The kind stands above the number that a word of that kind goes by.
KIND_SHIFT = 48
#: How the place is found where a key may stand, in a table of a power of two: the upper half of a product.
SPREAD = 0x9E37_79B9_7F4A_7C15

_FREE = -1
# How many slots and bytes there are at first.
_SLOTS, _BYTES = 256, 1 << 14
_KEY = (1 << KIND_SHIFT) - 1
_CAUSES = {number: cause.value.encode() for number, cause in enumerate(CAUSES)}

#: Keys by slot (−1: free), where each word begins and its size, and the bytes of all.
Table = tuple[Ints, Ints, Ints, Column]


class WordPool:
    """Words, each of them there once it has been asked for."""

    def __init__(self, words: Words) -> None:
        """Begin with none.

        Args:
            words: makes them.
        """
        self._sources = (words.standings, words.ways, words.advice, _CAUSES, words.segments, words.packed)
        self._count = 0
        self._size = 0
        #: Bytes of the longest word.
        self.longest = 0
        #: What compiled code looks into; it may be another one after :meth:`add`.
        self.table: Table = _table(_SLOTS, np.empty(_BYTES, np.uint8))

    def add(self, key: int) -> None:
        """Have a word there.

        Args:
            key: its kind and number.
        """
        word = self._sources[key >> KIND_SHIFT][key & _KEY]
        end = self._size + len(word)
        keys, _, _, pool = self.table
        if end > len(pool):
            pool = np.concatenate([pool, np.empty(max(end, len(pool)), np.uint8)])
            self.table = (*self.table[:3], pool)
        pool[self._size : end] = np.frombuffer(word, np.uint8)
        self._count += 1
        # At most half full, so that a free slot ends every search soon.
        if 2 * self._count > len(keys):
            there, before, self.table = keys != _FREE, self.table, _table(2 * len(keys), pool)
            for facts in zip(*(column[there].tolist() for column in before[:3]), strict=True):
                _put(self.table, *facts)
        _put(self.table, key, self._size, len(word))
        self._size = end
        self.longest = max(self.longest, len(word))


def _table(slots: int, pool: Column) -> Table:
    starts, sizes = np.zeros((2, slots), np.int64)
    return np.full(slots, _FREE, np.int64), starts, sizes, pool


def _put(table: Table, key: int, start: int, size: int) -> None:
    keys, starts, sizes, _ = table
    mask = len(keys) - 1
    slot = (key * SPREAD >> 32) & mask
    while keys[slot] != _FREE:
        slot = (slot + 1) & mask
    keys[slot], starts[slot], sizes[slot] = key, start, size
