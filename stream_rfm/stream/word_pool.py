"""Words that are the same for many records, where compiled code finds them by their numbers."""

from __future__ import annotations

import numpy as np

from stream_rfm.model.arrays import Column, Ints
from stream_rfm.stream.words import Words
from stream_rfm.table.moves import CAUSES

#: Kinds of words: of standings, ways, advice and causes for transitions, and of segments.
STANDING, WAY, ADVICE, CAUSED, SEGMENT = range(5)
#: The kind stands above the number that a word of that kind goes by.
KIND_SHIFT = 48
#: How the place is found where a key may stand, in a table of a power of two: the upper half of a product.
SPREAD = 0x9E37_79B9_7F4A_7C15

_FREE = -1
_SLOTS = 256
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
        self._sources = (words.standings, words.ways, words.advice, _CAUSES, words.segments)
        self._pool = b""
        self._count = 0
        #: What compiled code looks into; another one after :meth:`add`.
        self.table: Table = _table(_SLOTS, self._pool)

    def add(self, key: int) -> None:
        """Have a word there.

        Args:
            key: its kind and number.
        """
        word = self._sources[key >> KIND_SHIFT][key & _KEY]
        start, self._pool = len(self._pool), self._pool + word
        self._count += 1
        keys, starts, sizes, _ = self.table
        # At most half full, so that a free slot ends every search soon.
        table = _table(max(len(keys), _SLOTS if 2 * self._count <= len(keys) else 2 * len(keys)), self._pool)
        there = keys != _FREE
        for facts in zip(keys[there].tolist(), starts[there].tolist(), sizes[there].tolist(), strict=True):
            _put(table, *facts)
        _put(table, key, start, len(word))
        self.table = table


def _table(slots: int, pool: bytes) -> Table:
    starts, sizes = np.zeros((2, slots), np.int64)
    return np.full(slots, _FREE, np.int64), starts, sizes, np.frombuffer(pool or b"\0", np.uint8)


def _put(table: Table, key: int, start: int, size: int) -> None:
    keys, starts, sizes, _ = table
    mask = len(keys) - 1
    slot = (key * SPREAD >> 32) & mask
    while keys[slot] != _FREE:
        slot = (slot + 1) & mask
    keys[slot], starts[slot], sizes[slot] = key, start, size
