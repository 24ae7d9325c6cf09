"""What is remembered of single orders: one entry a purchase, refund or cancel, in order of arrival.

Entries have sequence numbers without holes, so that a stretch of them can be written to the changelog once
and dropped once. An entry is never changed but for its flags, and those follow from the entries themselves.
"""

from __future__ import annotations

import numpy as np

from stream_rfm.model.arrays import Bools, Column, Hashes, Ints
from stream_rfm.model.order import Kind
from stream_rfm.table.hash_index import PLACES, HashIndex, mixed

#: The row of an entry whose customer is erased.
NOBODY = 0xFFFF_FFFF

#: Flags: counted in the window's totals; taken back by a cancel; another entry has the same id.
INSIDE, CANCELLED, SUPERSEDED = 1, 2, 4

#: The amount of a cancel that has taken an order back; one that came before its order has none.
FOUND_ORDER = 1

_CHUNK = 4096
_NO_INSTANT = np.iinfo(np.int64).max
#: Columns that an entry's block tells of: all but the flags, which follow from them.
TOLD = ("at", "amount", "key", "row", "kind")
_COLUMNS: dict[str, type[np.generic]] = {
    "at": np.int64,
    "amount": np.int64,
    "key": np.uint64,
    "row": np.uint32,
    "kind": np.uint8,
    "flags": np.uint8,
}


class Entries:
    """Columns of entries; position 0 is the entry with sequence number ``first``."""

    at: Ints
    amount: Ints
    key: Hashes
    row: Column
    kind: Column
    flags: Column

    def __init__(self, first: int = 0, expected: int = 0) -> None:
        """Start empty, with the sequence number that the next entry gets, and room for so many."""
        self.first = first
        self.count = 0
        #: The sequence numbers of refunds that have an id of their own, by the hash of the order refunded.
        self.refunds_of: dict[int, list[int]] = {}
        self._capacity = max(_CHUNK, expected)
        for name, kind in _COLUMNS.items():
            setattr(self, name, np.zeros(self._capacity, kind))
        self._index = HashIndex()
        # The oldest instant among the entries that are inside, for each chunk of positions.
        self._oldest = np.full(self._capacity // _CHUNK + 1, _NO_INSTANT, np.int64)

    @property
    def next(self) -> int:
        """The sequence number that the next entry gets."""
        return self.first + self.count

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return int(sum(getattr(self, name).nbytes for name in _COLUMNS)) + self._index.nbytes

    def append(self, at: Ints, amount: Ints, key: Hashes, row: Column, kind: Column, flags: Column) -> Ints:
        """Remember entries whose ids are not there yet, or are superseded.

        Returns:
            Their positions.
        """
        positions = self.load(at, amount, key, row, kind, flags)
        if self._index.has_room(len(positions)):
            places = (self.first + positions) % PLACES
            self._index.add(mixed(key, row, kind), places)
        else:
            self.reindex()
        return positions

    def load(self, at: Ints, amount: Ints, key: Hashes, row: Column, kind: Column, flags: Column) -> Ints:
        """Put entries behind the last one without making them findable; :meth:`reindex` does that."""
        start, self.count = self.count, self.count + len(at)
        self._grow()
        positions = np.arange(start, self.count)
        new = {"at": at, "amount": amount, "key": key, "row": row, "kind": kind, "flags": flags}
        for name, values in new.items():
            getattr(self, name)[start : self.count] = values
        self._note_oldest(positions[(flags & INSIDE) != 0])
        return positions

    def copied(self) -> dict[str, Column]:
        """A copy of the columns, but for the flags."""
        return {name: getattr(self, name)[: self.count].copy() for name in TOLD}

    def find(self, key: Hashes, row: Column, kind: int, since: Ints) -> Ints:
        """The position of the latest entry of a row with this id and kind, or −1, for each question.

        Args:
            key: hashes of the ids.
            row: the customers' rows.
            kind: of the entries.
            since: instants; what happened until then is forgotten, whether it still is here or not.
        """

        def same(places: Ints, asked: Ints) -> Bools:
            positions = self._position(places)
            known = positions < self.count
            at = np.where(known, positions, 0)
            return (
                known
                & (self.key[at] == key[asked])
                & (self.row[at] == row[asked])
                & (self.kind[at] == kind)
                & ((self.flags[at] & SUPERSEDED) == 0)
                & (self.at[at] > since[asked])
            )

        places = self._index.find(mixed(key, row, kind), same)
        return np.where(places < 0, -1, self._position(places))

    def leaving(self, cutoff: int) -> Ints:
        """The positions of the entries that are inside and not younger than an instant."""
        chunks = np.flatnonzero(self._oldest <= cutoff)
        if not len(chunks):
            return np.empty(0, np.int64)
        positions = (chunks[:, None] * _CHUNK + np.arange(_CHUNK)).ravel()
        positions = positions[positions < self.count]
        inside = (self.flags[positions] & INSIDE) != 0
        return positions[inside & (self.at[positions] <= cutoff)]

    def leave(self, positions: Ints, *, cancelled: bool = False) -> None:
        """Take entries out of the window's totals."""
        self.flags[positions] &= ~np.uint8(INSIDE)
        if cancelled:
            self.flags[positions] |= CANCELLED
        for chunk in np.unique(positions // _CHUNK):
            part = slice(chunk * _CHUNK, min((chunk + 1) * _CHUNK, self.count))
            inside = self.at[part][(self.flags[part] & INSIDE) != 0]
            self._oldest[chunk] = inside.min() if len(inside) else _NO_INSTANT

    def note_inside(self, positions: Ints) -> None:
        """Count entries in the window's totals from now on."""
        self.flags[positions] |= INSIDE
        self._note_oldest(positions)

    def refunds(self, order: Hashes, row: Column, since: Ints) -> Ints:
        """The positions of the refunds of one order; arguments as of :meth:`find`, arrays of one."""
        by_order = self.find(order, row, Kind.REFUND, since)
        numbers = np.array(self.refunds_of.get(int(order[0]), []), np.int64) - self.first
        own = numbers[(self.row[numbers] == row) & (self.at[numbers] > since)]
        own = own[(self.flags[own] & SUPERSEDED) == 0]
        return np.unique(np.concatenate([by_order[by_order >= 0], own]))

    def of_row(self, row: int) -> Ints:
        """The positions of all entries of one customer, ascending."""
        return np.flatnonzero(self.row[: self.count] == row)

    def drop(self, count: int) -> None:
        """Forget the first entries."""
        kept = slice(count, self.count)
        self.first += count
        self.count -= count
        for name in _COLUMNS:
            column = getattr(self, name)
            column[: self.count] = column[kept].copy()
        for order, numbers in list(self.refunds_of.items()):
            self.refunds_of[order] = [number for number in numbers if number >= self.first]
            if not self.refunds_of[order]:
                del self.refunds_of[order]
        self._oldest[:] = _NO_INSTANT
        positions = np.arange(self.count)
        self._note_oldest(positions[(self.flags[: self.count] & INSIDE) != 0])

    def reindex(self) -> None:
        """Make all entries findable that have a customer and are not superseded."""
        flags, row = self.flags[: self.count], self.row[: self.count]
        positions = np.flatnonzero(((flags & SUPERSEDED) == 0) & (row != NOBODY))
        self._index = HashIndex(2 * len(positions))
        hashes = mixed(self.key[positions], self.row[positions], self.kind[positions])
        self._index.add(hashes, (self.first + positions) % PLACES)

    def _position(self, places: Ints) -> Ints:
        return (places - self.first) % PLACES

    def _note_oldest(self, positions: Ints) -> None:
        np.minimum.at(self._oldest, positions // _CHUNK, self.at[positions])

    def _grow(self) -> None:
        if self.count <= self._capacity:
            return
        self._capacity = max(self.count, self._capacity + self._capacity // 2)
        for name, kind in _COLUMNS.items():
            column = np.zeros(self._capacity, kind)
            old = getattr(self, name)
            column[: len(old)] = old
            setattr(self, name, column)
        oldest = np.full(self._capacity // _CHUNK + 1, _NO_INSTANT, np.int64)
        oldest[: len(self._oldest)] = self._oldest
        self._oldest = oldest
