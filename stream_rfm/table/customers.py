"""One row a customer: who they are, what they are ranked by, and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xxhash

from stream_rfm.model.arrays import Bools, Column, Hashes, Ints
from stream_rfm.table.customer_row import COLUMNS, COUNTED, NEVER, NO_SEGMENT, ROW
from stream_rfm.table.entry_columns import MOST_ROWS
from stream_rfm.table.growing import Growing
from stream_rfm.table.hash_index import HashIndex
from stream_rfm.table.texts import Texts

# How many rows are made findable at a time.
_SLICE = 1 << 16


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
        #: How many of the rows are somebody's.
        self.living = 0
        #: Where revisions of new customers begin: behind those of all that were erased, so that whoever has
        #: an erased customer's last revision sees that the next of that name is newer.
        self.revisions_from = 0
        self._rows = Growing(ROW, max(256, expected), scattered=True)
        self._look()
        self._ids = Growing(np.uint8, 16 * max(256, expected))
        self._ids_end = 0
        self._index = HashIndex(self, expected)

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return self.count * ROW.itemsize + self._ids_end + self._index.nbytes

    def hashed(self, numbers: Ints) -> Hashes:
        """The hashes that rows are found by."""
        return self.digest_low[numbers]

    def find(self, digests: Hashes) -> Ints:
        """The rows of customers by the two halves of their digests; −1 for strangers."""
        low, high = digests[:, 0], digests[:, 1]

        def same(rows: Ints, asked: Ints) -> Bools:
            return (self.digest_low[rows] == low[asked]) & (self.digest_high[rows] == high[asked])

        return self._index.find(low, same)

    def parts(self) -> tuple[Any, ...]:
        """The index, all rows, and how many are in use, for what is compiled."""
        return self._index.parts(), self._rows.values, self.count

    def find_ids(self, ids: Sequence[bytes]) -> Ints:
        """The rows of customers by their ids in UTF-8; −1 for strangers."""
        return self.find(digests_of(ids))

    def add(self, digests: Hashes, ids: Sequence[bytes]) -> Ints:
        """New rows for customers that are not there yet, each once.

        Returns:
            Their rows, ascending.

        Raises:
            OverflowError: there are more than entries can tell apart.
        """
        rows = self._append_rows(digests, ids)
        self._index.add(digests[:, 0], rows)
        return rows

    def add_of(self, add: Callable[..., int], digests: Hashes, ids: Texts[bytes], places: Ints) -> Ints:
        """The same by what is compiled, for the customers of some events of a batch.

        Args:
            add: :func:`stream_rfm.table.adding_compiled.add`.
            digests: of the customers of all events.
            ids: theirs.
            places: of the events that are new customers' first.

        Raises:
            OverflowError: there are more than entries can tell apart.
        """
        first = self._begin_rows(len(places))
        room = self._ids.reserve(self._ids_end + int(ids.size[places].sum()))
        begin, texts = (first, self._ids_end, self.revisions_from), (ids.data, ids.start, ids.size)
        self._ids_end = add(self.rows, room, begin, digests, texts, places)
        self.living += len(places)
        rows = np.arange(first, self.count)
        self._index.add(digests[places, 0], rows)
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
        self._leave(rows[new])
        self._identify(
            digests[new], ids if len(new) == len(ids) else [ids[i] for i in new.tolist()], rows[new]
        )
        new = rows[new] if before else np.flatnonzero(self.is_somebody())
        self._add_to_index(np.sort(new))

    def copied(self) -> tuple[dict[str, Column], Column]:
        """A copy of the columns that say what no entry says, and of the bytes of all ids."""
        columns = {name: getattr(self, name)[: self.count].copy() for name in COLUMNS if name not in COUNTED}
        return columns, self._ids.values[: self._ids_end].copy()

    @classmethod
    def loaded(cls, columns: dict[str, Column], ids: Column) -> Customers:
        """The customers of columns that were copied; what entries say of them is still to be counted."""
        count = len(columns["id_start"])
        customers = cls(count)
        customers.count = count
        for name, values in columns.items():
            getattr(customers, name)[:count] = values
        customers._ids.reserve(len(ids))[: len(ids)] = ids
        customers._ids_end = len(ids)
        somebody = np.flatnonzero(customers.is_somebody())
        customers.living = len(somebody)
        customers._add_to_index(somebody)
        return customers

    def id_of(self, row: int) -> bytes:
        """A customer's id, in UTF-8."""
        start = int(self.id_start[row])
        return self._ids.values[start : start + int(self.id_length[row])].tobytes()

    def ids_of(self, rows: Ints) -> list[bytes]:
        """The ids of many rows."""
        lengths = self.id_length[rows].astype(np.int64)
        ends = np.cumsum(lengths)
        # Where each byte is, so that they come together before they are cut into ids.
        bytes_at = np.repeat(self.id_start[rows] - (ends - lengths), lengths)
        bytes_at += np.arange(len(bytes_at))
        joined = self._ids.values[bytes_at].tobytes()
        return [
            joined[start:end] for start, end in zip((ends - lengths).tolist(), ends.tolist(), strict=True)
        ]

    def is_somebody(self) -> Bools:
        """For each row whether it still is a customer's: an erased one is nobody's."""
        return self.id_length[: self.count] > 0

    def erase(self, row: int) -> None:
        """Forget a customer; the row is never used again, and nothing in it says whose it was."""
        start = int(self.id_start[row])
        length = int(self.id_length[row])
        self._leave(np.array([row]))
        self.living -= length > 0
        self.revisions_from = max(self.revisions_from, int(self.revision[row]) + 1)
        self._ids.values[start : start + length] = 0
        self._rows.values[row] = np.zeros((), ROW)
        self.segment[row] = NO_SEGMENT
        self.last[row] = self.last_forgotten[row] = NEVER

    def _append_rows(self, digests: Hashes, ids: Sequence[bytes]) -> Ints:
        rows = np.arange(self._begin_rows(len(ids)), self.count)
        self.segment[rows] = NO_SEGMENT
        self.last[rows] = self.last_forgotten[rows] = NEVER
        self.revision[rows] = self.revisions_from
        self._identify(digests, ids, rows)
        return rows

    def _begin_rows(self, more: int) -> int:
        """Count so many rows more; the first of them."""
        first, self.count = self.count, self.count + more
        if self.count > MOST_ROWS:
            raise OverflowError(
                f"A partition holds {MOST_ROWS} customers at most; there have to be more partitions."
            )
        self._grow(self.count)
        return first

    def _identify(self, digests: Hashes, ids: Sequence[bytes], rows: Ints) -> None:
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        joined = np.frombuffer(b"".join(ids), np.uint8)
        ends = self._ids_end + np.cumsum(lengths)
        end = self._ids_end + len(joined)
        self._ids.reserve(end)[self._ids_end : end] = joined
        self._ids_end = end
        self.living += len(rows) - int(np.count_nonzero(self.id_length[rows]))
        self.id_start[rows] = ends - lengths
        self.id_length[rows] = lengths
        self.digest_low[rows] = digests[:, 0]
        self.digest_high[rows] = digests[:, 1]

    @property
    def rows(self) -> Column:
        """All columns side by side, a row each, of which the first ``count`` are in use."""
        return self._rows.values

    @property
    def id_bytes(self) -> Column:
        """The bytes of all ids; a row says where its own are."""
        return self._ids.values

    def _grow(self, count: int) -> None:
        if count > len(self._rows.values):
            for name in COLUMNS:
                delattr(self, name)
            self._rows.reserve(count)
            self._look()

    def _look(self) -> None:
        for name in COLUMNS:
            setattr(self, name, self._rows.values[name])

    def _leave(self, rows: Ints) -> None:
        """Have nobody found in some rows any more."""
        rows = rows[self.id_length[rows] > 0]
        self._index.remove(self.digest_low[rows], rows)

    def _add_to_index(self, rows: Ints) -> None:
        for low in range(0, len(rows), _SLICE):
            part = rows[low : low + _SLICE]
            self._index.add(self.digest_low[part], part)
