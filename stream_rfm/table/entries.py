"""What is remembered of single orders: one entry a purchase, refund or cancel, in order of arrival.

Entries have sequence numbers without holes, so that a stretch of them can be written to the changelog once
and dropped once. An entry is never changed but for its flags, and those follow from the entries themselves.
"""

from __future__ import annotations

import numpy as np

from stream_rfm.model.arrays import Bools, Column, Hashes, Ints
from stream_rfm.model.order import Kind
from stream_rfm.table.entry_columns import (
    CANCELLED,
    CHUNK,
    INSIDE,
    NO_INSTANT,
    NOBODY,
    SUPERSEDED,
    TOLD,
    EntryColumns,
)
from stream_rfm.table.hash_index import HashIndex, Parts, mixed

__all__ = ["CANCELLED", "FOUND_ORDER", "INSIDE", "NOBODY", "SUPERSEDED", "TOLD", "Entries"]

#: The amount of a cancel that has taken an order back; one that came before its order has none.
FOUND_ORDER = 1

# How many of the newest chunks are looked through before all entries are.
_LOOKED_AT = (2, 16)
# How many entries are looked through or made findable at a time.
_SLICE = 1 << 16


class Entries(EntryColumns):
    """Columns of entries; position 0 is the entry with sequence number ``first``."""

    def __init__(self, first: int = 0, expected: int = 0) -> None:
        """Start empty, with the sequence number that the next entry gets, and room for so many."""
        super().__init__(first, expected)
        #: The sequence numbers of refunds that have an id of their own, by the hash of the order refunded.
        self.refunds_of: dict[int, list[int]] = {}
        # The sequence numbers of refunds that are found no more, by the hash that they were found by.
        self._superseded: dict[int, list[int]] = {}
        self._index = self._new_index(0)

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return super().nbytes + self._index.nbytes

    def append(self, at: Ints, amount: Ints, key: Hashes, row: Column, kind: Column, flags: Column) -> Ints:
        """Remember entries whose ids are not there yet, or are superseded.

        Returns:
            Their positions.
        """
        positions = self.load(at, amount, key, row, kind, flags)
        self._forget_dropped(1000 + 2 * len(positions))
        findable = (flags & SUPERSEDED) == 0
        if not findable.all():
            key, row, kind = key[findable], row[findable], kind[findable]
        self._index.add(mixed(key, row, kind), self.first + positions[findable])
        return positions

    def index_parts(self) -> Parts:
        """The index, for what is compiled."""
        return self._index.parts()

    def index_last(self, names: Hashes) -> None:
        """Make the last entries findable, each by what its id, row and kind are mixed into."""
        self._forget_dropped(1000 + 2 * len(names))
        self._index.add(names, np.arange(self.next - len(names), self.next))

    def find(self, key: Hashes, row: Column, kind: Column | int, since: Ints) -> Ints:
        """The position of the latest entry of a row with this id and kind, or −1, for each question.

        Args:
            key: hashes of the ids.
            row: the customers' rows.
            kind: of the entries, one for all or one each.
            since: instants; what happened until then is forgotten, whether it still is here or not.
        """
        return self.find_named(mixed(key, row, kind), key, row, kind, since)

    def find_named(self, named: Hashes, key: Hashes, row: Column, kind: Column | int, since: Ints) -> Ints:
        """The same where it is known what each id, row and kind are mixed into."""

        def same(numbers: Ints, asked: Ints) -> Bools:
            positions = numbers - self.first
            known = positions < self.count
            at = np.where(known, positions, 0)
            rows, kinds, flags = self.words_at(at)
            return (
                known
                & (self.key[at] == key[asked])
                & (rows == row[asked])
                & (kinds == (kind[asked] if isinstance(kind, np.ndarray) else kind))
                & ((flags & SUPERSEDED) == 0)
                & (self.at[at] > since[asked])
            )

        numbers = self._index.find(named, same)
        return np.where(numbers < 0, -1, numbers - self.first)

    def hashed(self, numbers: Ints) -> Hashes:
        """The hashes that entries are found by."""
        return self._named(numbers - self.first)

    def supersede(self, positions: Ints) -> None:
        """Have entries found no more: another one has their id."""
        self._hide(positions)
        self.flags[positions] |= SUPERSEDED
        self.note_superseded(positions)

    def note_superseded(self, positions: Ints) -> None:
        """Remember which of the entries that are superseded are refunds: a cancel takes them as well."""
        refunds = positions[self.kind[positions] == Kind.REFUND]
        for position, key in zip(refunds.tolist(), self.key[refunds].tolist(), strict=True):
            self._superseded.setdefault(key, []).append(self.first + position)

    def disown(self, positions: Ints) -> None:
        """Have entries be nobody's, and found no more."""
        self._hide(positions)
        self.row[positions] = NOBODY

    def leaving(self, cutoff: int) -> Ints:
        """The positions of the entries that are inside and not younger than an instant."""
        chunks = np.flatnonzero(self._of_chunks(self._oldest) <= cutoff)
        if not len(chunks):
            return np.empty(0, np.int64)
        positions = self._in_chunks(chunks)
        positions = positions[(self.flags[positions] & INSIDE) != 0]
        return positions[self.at[positions] <= cutoff]

    def leave(self, positions: Ints, *, cancelled: bool = False) -> None:
        """Take entries out of the window's totals."""
        if not len(positions):
            return
        flags = self.flags[positions] & ~np.uint8(INSIDE)
        self.flags[positions] = flags | CANCELLED if cancelled else flags
        self._find_oldest(np.unique((self._start + positions) // CHUNK))

    def note_inside(self, positions: Ints) -> None:
        """Count entries in the window's totals from now on."""
        self.flags[positions] |= INSIDE
        np.minimum.at(self._oldest.values, (self._start + positions) // CHUNK, self.at[positions])

    def refunds(self, order: Hashes, row: Column, since: Ints) -> Ints:
        """The positions of the refunds of one order; arguments as of :meth:`find`, arrays of one.

        An id that was seen again much later names another refund, and both are of the order.
        """
        by_order = self.find(order, row, Kind.REFUND, since)
        named = int(order[0])
        numbers = [*self.refunds_of.get(named, ()), *self._superseded.get(named, ())]
        others = np.array(numbers, np.int64) - self.first
        others = others[(self.row[others] == row) & (self.at[others] > since)]
        return np.unique(np.concatenate([by_order[by_order >= 0], others]))

    def of_row(self, row: int) -> Ints:
        """The positions of all entries of one customer, ascending."""
        # A stretch at a time, so that it is in the cache while it is compared.
        found = [
            low + np.flatnonzero(self.row.equals(slice(low, low + _SLICE), row))
            for low in range(0, self.count, _SLICE)
        ]
        positions = np.concatenate([np.empty(0, np.int64), *found])
        return positions[positions < self.count]

    def last_purchase(self, row: int) -> int | None:
        """When a customer last bought, by what is remembered and not cancelled; ``None``: not at all.

        The newest chunks are looked through first: who has many purchases has one there, and nobody has to
        look at all of them.
        """
        newest = self._of_chunks(self._newest)
        chunks = np.argsort(newest)[::-1]
        for count in _LOOKED_AT:
            last = self._last_of(row, self._in_chunks(chunks[:count]))
            if last is not None and (count >= len(chunks) or last >= newest[chunks[count]]):
                return last
        return self._last_of(row, self.of_row(row))

    def _last_of(self, row: int, positions: Ints) -> int | None:
        own = positions[self.row[positions] == row]
        own = own[(self.kind[own] == Kind.ORDER) & ((self.flags[own] & CANCELLED) == 0)]
        return int(self.at[own].max()) if len(own) else None

    def drop(self, count: int) -> None:
        """Forget the first entries; their memory is given back little by little, as others are appended."""
        before = self._start // CHUNK
        self.first += count
        self.count -= count
        self._index.first = self.first
        self._look()
        for of in (self.refunds_of, self._superseded):
            for key, numbers in list(of.items()):
                of[key] = [number for number in numbers if number >= self.first]
                if not of[key]:
                    del of[key]
        here = self._start // CHUNK
        self._oldest.values[before:here], self._newest.values[before:here] = NO_INSTANT, 0
        self._find_oldest(np.array([here]))

    def reindex(self) -> None:
        """Make all entries findable that have a customer and are not superseded."""
        self._index = self._new_index(self.count)
        for low in range(0, self.count, _SLICE):
            positions = np.arange(low, min(low + _SLICE, self.count))
            row, _, flags = self.words_at(positions)
            positions = positions[(row != NOBODY) & ((flags & SUPERSEDED) == 0)]
            self._index.add(self._named(positions), self.first + positions)

    def _hide(self, positions: Ints) -> None:
        """Take entries out of the index, by what they are found by as yet."""
        self._index.remove(self._named(positions), self.first + positions)

    def _named(self, positions: Ints) -> Hashes:
        row, kind, _ = self.words_at(positions)
        return mixed(self.key[positions], row, kind)

    def _new_index(self, expected: int) -> HashIndex:
        index = HashIndex(self, expected)
        index.first = self.first
        return index

    def _find_oldest(self, chunks: Ints) -> None:
        """Look again for the oldest that are inside, in chunks counted from the first in memory."""
        for chunk in chunks.tolist():
            low = max(0, chunk * CHUNK - self._start)
            part = slice(low, max(low, min((chunk + 1) * CHUNK - self._start, self.count)))
            inside = self.at[part][(self.flags[part] & INSIDE) != 0]
            self._oldest.values[chunk] = inside.min() if len(inside) else NO_INSTANT

    def _forget_dropped(self, count: int) -> None:
        """Take so many of those that are dropped out of the index and out of memory."""
        low, high = self._kept_from, min(self.first, self._kept_from + count)
        if low < high:
            self._index.remove(mixed(*self._let_go(high)), np.arange(low, high))
