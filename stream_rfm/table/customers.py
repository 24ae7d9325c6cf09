"""One row a customer: who they are, what they are ranked by, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xxhash

from stream_rfm.model.arrays import Bools, Column, Hashes, Ints
from stream_rfm.table.hash_index import HashIndex

#: No purchase yet: instants are never negative.
NEVER = -1
#: In no segment yet.
NO_SEGMENT = 0xFFFF

_COLUMNS: dict[str, type[np.generic]] = {
    # Who: 128 bits of hash, and where the id stands among the ids.
    "digest_low": np.uint64,
    "digest_high": np.uint64,
    "id_start": np.int64,
    "id_length": np.uint16,
    # What: the last purchase ever, the last one that is no longer remembered, and the window's totals.
    "last": np.int64,
    "last_forgotten": np.int64,
    "frequency": np.int32,
    "monetary": np.int64,
    "lifetime_orders": np.int32,
    "lifetime_monetary": np.int64,
    # Where: as of when, in which segment, with which scores (0: none), and how often that changed.
    "scored_at": np.int64,
    "segment": np.uint16,
    "r": np.uint8,
    "f": np.uint8,
    "m": np.uint8,
    "sequence": np.uint32,
    "revision": np.uint32,
    "version": np.uint32,
}


# Counted from the entries when state comes back.
_COUNTED = ("frequency", "monetary")


def digests_of(ids: Sequence[bytes]) -> Hashes:
    """The 128-bit hashes of ids, in two halves each."""
    return np.frombuffer(b"".join(map(xxhash.xxh3_128_digest, ids)), np.uint64).reshape(-1, 2)


class Customers:
    """The columns, each attribute an array of which the first ``count`` values are in use."""

    digest_low: Hashes
    digest_high: Hashes
    id_start: Ints
    id_length: Column
    last: Ints
    last_forgotten: Ints
    frequency: Column
    monetary: Ints
    lifetime_orders: Column
    lifetime_monetary: Ints
    scored_at: Ints
    segment: Column
    r: Column
    f: Column
    m: Column
    sequence: Column
    revision: Column
    version: Column

    def __init__(self, expected: int = 0) -> None:
        """Make room for so many customers."""
        self.count = 0
        #: Where revisions of new customers begin: behind those of all that were erased, so that whoever has
        #: an erased customer's last revision sees that the next of that name is newer.
        self.revisions_from = 0
        self._capacity = max(256, expected)
        for name, kind in _COLUMNS.items():
            setattr(self, name, np.zeros(self._capacity, kind))
        self._ids = bytearray()
        self._index = HashIndex(self._capacity)

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        columns = sum(getattr(self, name).nbytes for name in _COLUMNS)
        return int(columns) + len(self._ids) + self._index.nbytes

    def find(self, digests: Hashes) -> Ints:
        """The rows of customers by the two halves of their digests; −1 for strangers."""
        low, high = digests[:, 0], digests[:, 1]

        def same(rows: Ints, asked: Ints) -> Bools:
            return (self.digest_low[rows] == low[asked]) & (self.digest_high[rows] == high[asked])

        return self._index.find(low, same)

    def find_ids(self, ids: Sequence[bytes]) -> Ints:
        """The rows of customers by their ids in UTF-8; −1 for strangers."""
        return self.find(digests_of(ids))

    def add(self, digests: Hashes, ids: Sequence[bytes]) -> Ints:
        """New rows for customers that are not there yet, each once.

        Returns:
            Their rows, ascending.
        """
        rows = self._append_rows(digests, ids)
        if self._index.has_room(len(rows)):
            self._index.add(digests[:, 0], rows)
        else:
            self._reindex()
        return rows

    def restore(self, digests: Hashes, ids: Sequence[bytes], rows: Ints, count: int) -> None:
        """Put customers into given rows of a table that has so many rows then; new ones stay nobody's.

        Who was there before and is in another row now has left the old one.
        """
        there, before = self.find(digests), self.count
        self._grow(count)
        self.count = count
        self.segment[before:count] = NO_SEGMENT
        self.last[before:count] = self.last_forgotten[before:count] = NEVER
        for row in there[(there >= 0) & (there != rows)].tolist():
            self.erase(row)
        new = np.flatnonzero(there != rows)
        self._identify(
            digests[new], ids if len(new) == len(ids) else [ids[i] for i in new.tolist()], rows[new]
        )
        if before and self._index.has_room(len(new)):
            self._index.add(digests[new, 0], rows[new])
        else:
            self._reindex()

    def copied(self) -> tuple[dict[str, Column], Column]:
        """A copy of the columns that say what no entry says, and of the bytes of all ids."""
        columns = {
            name: getattr(self, name)[: self.count].copy() for name in _COLUMNS if name not in _COUNTED
        }
        return columns, np.frombuffer(self._ids, np.uint8).copy()

    @classmethod
    def loaded(cls, columns: dict[str, Column], ids: Column) -> Customers:
        """The customers of columns that were copied; what entries say of them is still to be counted."""
        customers = cls()
        count = len(columns["id_start"])
        customers._grow(count)
        customers.count = count
        for name, values in columns.items():
            getattr(customers, name)[:count] = values
        customers._ids = bytearray(ids.data)
        customers._reindex()
        return customers

    def id_of(self, row: int) -> bytes:
        """A customer's id, in UTF-8."""
        start = int(self.id_start[row])
        return bytes(self._ids[start : start + int(self.id_length[row])])

    def ids_of(self, rows: Ints) -> list[bytes]:
        """The ids of many rows."""
        starts = self.id_start[rows]
        ends = (starts + self.id_length[rows]).tolist()
        ids = self._ids
        return [bytes(ids[start:end]) for start, end in zip(starts.tolist(), ends, strict=True)]

    def is_somebody(self) -> Bools:
        """For each row whether it still is a customer's: an erased one is nobody's."""
        return self.id_length[: self.count] > 0

    def erase(self, row: int) -> None:
        """Forget a customer; the row is never used again, and nothing in it says whose it was."""
        start = int(self.id_start[row])
        length = int(self.id_length[row])
        self.revisions_from = max(self.revisions_from, int(self.revision[row]) + 1)
        self._ids[start : start + length] = bytes(length)
        for name in _COLUMNS:
            getattr(self, name)[row] = 0
        self.segment[row] = NO_SEGMENT
        self.last[row] = self.last_forgotten[row] = NEVER

    def _append_rows(self, digests: Hashes, ids: Sequence[bytes]) -> Ints:
        first, self.count = self.count, self.count + len(ids)
        self._grow(self.count)
        rows = np.arange(first, self.count)
        self.segment[rows] = NO_SEGMENT
        self.last[rows] = self.last_forgotten[rows] = NEVER
        self.revision[rows] = self.revisions_from
        self._identify(digests, ids, rows)
        return rows

    def _identify(self, digests: Hashes, ids: Sequence[bytes], rows: Ints) -> None:
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        ends = len(self._ids) + np.cumsum(lengths)
        self._ids += b"".join(ids)
        self.id_start[rows] = ends - lengths
        self.id_length[rows] = lengths
        self.digest_low[rows] = digests[:, 0]
        self.digest_high[rows] = digests[:, 1]

    def _grow(self, count: int) -> None:
        if count <= self._capacity:
            return
        # By half, so that at most a third of the memory waits for customers to come.
        self._capacity = max(count, self._capacity + self._capacity // 2)
        for name, kind in _COLUMNS.items():
            column = np.zeros(self._capacity, kind)
            old = getattr(self, name)
            column[: len(old)] = old
            setattr(self, name, column)

    def _reindex(self) -> None:
        rows = np.flatnonzero(self.is_somebody())
        self._index = HashIndex(2 * len(rows))
        self._index.add(self.digest_low[rows], rows)
