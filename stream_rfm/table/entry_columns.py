"""The columns of entries, in memory that grows at its end and is given back at its front.

An entry takes eighteen bytes: the hash of its id, one word that says whose it is and of which kind, and its
time and amount, packed (``docs/decisions/0015-memory.md``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from stream_rfm.model import instant
from stream_rfm.model.arrays import Bools, Column, Hashes, Ints
from stream_rfm.table.bits import Bits
from stream_rfm.table.growing import Growing
from stream_rfm.table.packed import Packed, Stretch

#: Of how many entries the oldest and the newest instant is known, and are given back together; whole spans of
#: what is packed.
CHUNK = 4096
#: The row of an entry whose customer is erased.
NOBODY = 0xFFFF_FFFF
#: How many rows an entry can tell apart.
MOST_ROWS = 1 << 26

#: Flags: counted in the window's totals; taken back by a cancel; another entry has the same id.
INSIDE, CANCELLED, SUPERSEDED = 1, 2, 4

#: Columns that an entry's block tells of: all but the flags, which follow from them.
TOLD = ("at", "amount", "key", "row", "kind")
# Times mostly are of whole milliseconds, amounts of whole hundredths.
_TIMES, _AMOUNTS = (instant.SECOND, instant.SECOND // 1000, 1), (10_000, 1)
# The word of an entry: where each part begins, how many bits it has, and what it is read as.
FLAGS_SHIFT, ROW_SHIFT = 2, 5
_KIND, _FLAGS, _ROW = (0, 2, np.uint8), (FLAGS_SHIFT, 3, np.uint8), (ROW_SHIFT, 27, np.uint32)
KIND_BITS = 3
#: The oldest instant of a chunk in which nothing is inside.
NO_INSTANT = np.iinfo(np.int64).max


class EntryColumns:
    """Columns of entries; position 0 is the entry with sequence number ``first``."""

    at: Stretch
    amount: Stretch
    key: Hashes
    row: Bits
    kind: Bits
    flags: Bits

    def __init__(self, first: int, expected: int) -> None:
        """Start empty, with the sequence number that the next entry gets, and room for so many."""
        self.first = first
        self.count = 0
        # Numbers of the first entry in memory, and of the first that is not let go of yet.
        self._origin = self._kept_from = first
        expected = max(CHUNK, expected)
        self._keys, self._words = Growing(np.uint64, expected), Growing(np.int32, expected)
        self._at, self._amount = Packed(_TIMES, expected), Packed(_AMOUNTS, expected)
        # For each chunk the oldest instant among the entries that are inside, and the newest of all.
        self._oldest, self._newest = (Growing(np.int64, expected // CHUNK + 1) for _ in range(2))
        self._look()

    @property
    def next(self) -> int:
        """The sequence number that the next entry gets."""
        return self.first + self.count

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return 12 * (self.next - self._kept_from) + self._at.nbytes + self._amount.nbytes

    def load(self, at: Ints, amount: Ints, key: Hashes, row: Column, kind: Column, flags: Column) -> Ints:
        """Put entries behind the last one without making them findable.

        Returns:
            Their positions.
        """
        positions = np.arange(self.count, self.count + len(at))
        if not len(at):
            return positions
        self._make_room(len(at))
        self.count += len(at)
        end = self._start + self.count
        low = end - len(at)
        self._keys.values[low:end] = key
        word = self._words.values[low:end]
        word[:] = row
        word <<= _ROW[0]
        word |= (flags.astype(np.int32) << _FLAGS[0]) | kind
        self._at.append(at)
        self._amount.append(amount)
        chunks = slice(-(-low // CHUNK), end // CHUNK + 1)
        self._oldest.values[chunks], self._newest.values[chunks] = NO_INSTANT, 0
        chunk, inside = np.arange(low, end) // CHUNK, (flags & INSIDE) != 0
        np.minimum.at(self._oldest.values, chunk[inside], at[inside])
        np.maximum.at(self._newest.values, chunk, at)
        return positions

    def put(self, append: Callable[..., bool], events: Any, where: Ints, rows: Ints, inside: Bools) -> bool:
        """Do the same by what is compiled, where all can be kept as they mostly are.

        Args:
            append: :func:`stream_rfm.table.appending_compiled.append`.
            events: of a batch: kinds, instants, amounts and the hashes of their ids.
            where: places of purchases and refunds.
            rows: for each event of the batch the row of its customer.
            inside: for each place whether it is in the window.

        Returns:
            Whether it was done; else nothing is changed.
        """
        more = len(where)
        self._make_room(more)
        self._at.reserve(more)
        self._amount.reserve(more)
        columns = (self._keys.values, self._words.values, self._at.parts(), self._amount.parts())
        chunks = (self._oldest.values, self._newest.values)
        scratch = np.empty((2, more), np.int64)
        low = self._start + self.count
        done: bool = append((*columns, *chunks), low, events, where, rows, inside, scratch)
        if done:
            self.count += more
            self._at.count += more
            self._amount.count += more
        return done

    def parts(self) -> tuple[Any, ...]:
        """Keys, words, instants, the oldest of each chunk, where position 0 is, and how many there are."""
        columns = (self._keys.values, self._words.values, self._at.parts(), self._oldest.values)
        return (*columns, self._start, self.count)

    def words_at(self, positions: Ints) -> tuple[Column, Column, Column]:
        """The rows, kinds and flags at some positions, read together."""
        words = self._words.values[self._start + positions]
        return Bits(words, *_ROW)[:], Bits(words, *_KIND)[:], Bits(words, *_FLAGS)[:]

    def copied(self) -> dict[str, Column]:
        """A copy of the columns, but for the flags."""
        return {name: np.array(getattr(self, name)[: self.count]) for name in TOLD}

    @property
    def _start(self) -> int:
        """Where in memory position 0 is."""
        return self.first - self._origin

    def _of_chunks(self, column: Growing) -> Ints:
        """The values of the chunks that hold entries."""
        return column.values[self._start // CHUNK : -(-(self._start + self.count) // CHUNK)]

    def _in_chunks(self, chunks: Ints) -> Ints:
        """The positions in chunks, counted from the one that holds the first entry."""
        start = -(self._start % CHUNK)
        positions = (chunks[:, None] * CHUNK + np.arange(start, start + CHUNK)).ravel()
        return positions[(positions >= 0) & (positions < self.count)]

    def _let_go(self, end: int) -> tuple[Column, Column, Column]:
        """Give back memory of dropped entries up to a sequence number, as far as chunks are whole.

        Returns:
            Their keys, rows and kinds, as they were.
        """
        low, high = self._kept_from - self._origin, end - self._origin
        words, keys = self._words.values[low:high].copy(), self._keys.values[low:high].copy()
        self._kept_from = end
        for column in (self._keys, self._words, self._at, self._amount):
            column.release(low // CHUNK * CHUNK, high // CHUNK * CHUNK)
        return keys, Bits(words, *_ROW)[:], Bits(words, *_KIND)[:]

    def _make_room(self, more: int) -> None:
        """Grow, or begin again at the front where half of the memory was let go of."""
        if self._start + self.count + more <= len(self._keys.values):
            return
        for name in ("key", "row", "kind", "flags"):
            delattr(self, name)
        gone = (self._kept_from - self._origin) // CHUNK
        if 2 * gone * CHUNK >= len(self._keys.values):
            self._shift(gone)
        self._keys.reserve(self._start + self.count + more)
        self._words.reserve(self._start + self.count + more)
        for column in (self._oldest, self._newest):
            column.reserve(len(self._keys.values) // CHUNK + 1)
        self._look()

    def _shift(self, chunks: int) -> None:
        self._origin += chunks * CHUNK
        kept = self._at.count - chunks * CHUNK
        for column in (self._keys, self._words):
            column.shift(chunks * CHUNK, kept)
        self._at.shift(chunks * CHUNK)
        self._amount.shift(chunks * CHUNK)
        for column in (self._oldest, self._newest):
            column.shift(chunks, kept // CHUNK + 1)

    def _look(self) -> None:
        start = self._start
        self.key, words = self._keys.values[start:], self._words.values[start:]
        self.row, self.kind, self.flags = (Bits(words, *which) for which in (_ROW, _KIND, _FLAGS))
        self.at, self.amount = Stretch(self._at, start), Stretch(self._amount, start)
