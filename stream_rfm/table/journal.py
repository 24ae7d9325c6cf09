"""What the changelog is told, so that it can be told again.

Three kinds of records, each with its own kind of key (``docs/decisions/0006-changelog.md``):

* ``c`` + customer id: the customer's row, segment, scores and totals; written when one of them changes.
* ``e`` + number: a block of entries, from that sequence number on; written once, dropped once.
* ``m``: the marker of the partition, in every transaction.

So a customer's thousandth order costs as many bytes as the first, and a customer whose code stays costs
only the entry.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import msgspec
import numpy as np

from stream_rfm.model.arrays import Column, Ints
from stream_rfm.model.order import Kind
from stream_rfm.table.customers import Customers
from stream_rfm.table.entries import CANCELLED
from stream_rfm.table.store import Store

CUSTOMER, BLOCK, MARKER = b"c", b"e", b"m"

#: A key and a value; no value: the key is gone.
Record = tuple[bytes, bytes | None]

#: The value of a customer's record.
HEADER = np.dtype(
    [
        ("row", "<u4"),
        ("segment", "<u2"),
        ("r", "u1"),
        ("f", "u1"),
        ("m", "u1"),
        ("sequence", "<u4"),
        ("revision", "<u4"),
        ("version", "<u4"),
        ("scored_at", "<i8"),
        ("last", "<i8"),
        ("last_forgotten", "<i8"),
        ("lifetime_orders", "<i4"),
        ("lifetime_monetary", "<i8"),
        # Entries from this sequence number on are not in the lifetime totals yet.
        ("through", "<i8"),
    ]
)
_PLAIN = [name for name in HEADER.names or () if name not in {"row", "through"}]

# Small blocks are put together, so that reading a partition takes few records however slow its traffic. They
# are written twice for it, and what is counted meanwhile waits: so only what is small, and few at a time.
_SMALL, _RUN = 512, 16
_LEAST_FORGOTTEN = 4096
_encode = msgspec.msgpack.Encoder().encode


class BlockValue(msgspec.Struct, array_like=True):
    """The value of a block of entries: columns as raw little-endian arrays."""

    at: bytes
    amount: bytes
    key: bytes
    row: bytes
    kind: bytes
    #: Of refunds with an id of their own: place in the block, hash of the order.
    refunds: list[tuple[int, int]]


@dataclass(slots=True)
class Block:
    """A stretch of entries that one record holds."""

    first: int
    count: int
    newest: int


@dataclass(frozen=True, slots=True)
class Told:
    """What the changelog is told, with customers in columns.

    Attributes:
        before: records that come before those of customers.
        rows: the customers, of whom nobody may be left.
        through: the number of the first entry that is not in their totals.
        behind: records that come behind.
    """

    before: list[Record]
    rows: Ints
    through: int
    behind: list[Record] = field(default_factory=list)

    def records(self, customers: Customers) -> list[Record]:
        """All of it as records; of customers as they stand when it is called."""
        rows = self.rows[customers.id_length[self.rows] > 0]
        values = np.zeros(len(rows), HEADER)
        values["row"] = rows
        values["through"] = self.through
        for name in _PLAIN:
            values[name] = getattr(customers, name)[rows]
        raw = cast(list[bytes], values.view(np.dtype((np.void, HEADER.itemsize))).tolist())
        said = [(CUSTOMER + key, value) for key, value in zip(customers.ids_of(rows), raw, strict=True)]
        return [*self.before, *said, *self.behind]


class Journal:
    """Knows what of a store the changelog holds, and writes the rest."""

    def __init__(self, store: Store, blocks: list[Block] | None = None) -> None:
        """Start where the changelog ends.

        Args:
            store: what to write of.
            blocks: the blocks that the changelog holds, ascending.
        """
        self._store = store
        self._blocks = blocks or []
        # How many of the last blocks in a row are small.
        self._small = self._count_small()
        self._refunds: dict[int, int] = {
            number: order for order, numbers in store.entries.refunds_of.items() for number in numbers
        }

    @property
    def sizes(self) -> list[int]:
        """How many entries each block holds that the changelog has, in order."""
        return [block.count for block in self._blocks]

    @property
    def refunds(self) -> dict[int, int]:
        """The hash of the order that a refund with an id of its own is of, by the refund's number."""
        return self._refunds

    @property
    def base(self) -> int:
        """The sequence number of the first entry that the changelog still holds."""
        return self._blocks[0].first if self._blocks else self._store.entries.next

    def records(self, erased: list[bytes], as_of: int) -> list[Record]:
        """Everything that changed since the last time, as records; see :meth:`told`."""
        return self.told(erased, as_of).records(self._store.customers)

    def told(self, erased: list[bytes], as_of: int, more: int = 0) -> Told:
        """Everything that changed since the last time, in the order to be written.

        Args:
            erased: ids of the customers that are gone.
            as_of: the instant of the version that customers are scored with.
            more: how many small blocks more than others to wait for: partitions that are all part of every
                transaction would else all put theirs together in the same one.
        """
        self._refunds.update(self._store.take_refunds())
        # A customer may have come back in the same step: gone first, then there again.
        records: list[Record] = [(CUSTOMER + customer, None) for customer in erased]
        records += self._forget(as_of)
        records += self._new_block()
        records += self._merged(more)
        return Told(records, self._store.take_touched(), self._store.entries.next)

    def _new_block(self) -> list[Record]:
        entries = self._store.entries
        last = self._blocks[-1] if self._blocks else None
        first = last.first + last.count if last else entries.first
        if first == entries.next:
            return []
        block, record = self._made(first, entries.next - first)
        self._blocks.append(block)
        self._small = self._small + 1 if block.count < _SMALL else 0
        return [record]

    def _merged(self, more: int) -> list[Record]:
        """Put the last blocks together once there are many small ones in a row."""
        if self._small < _RUN + more % _RUN:
            return []
        parts = self._blocks[-self._small :]
        block, record = self._made(parts[0].first, sum(part.count for part in parts))
        self._blocks[-self._small :] = [block]
        self._small = self._count_small()
        return [record, *((_key(part.first), None) for part in parts[1:])]

    def _count_small(self) -> int:
        return next(
            (i for i, each in enumerate(reversed(self._blocks)) if each.count >= _SMALL), len(self._blocks)
        )

    def _forget(self, as_of: int) -> list[Record]:
        """Drop the oldest blocks once all they hold is out of the window and of the dedupe horizon."""
        store, retention = self._store, self._store.rules.retention
        if retention is None:
            return []
        entries, old = store.entries, 0
        while old < len(self._blocks) and self._blocks[old].newest <= as_of - retention:
            old += 1
        count = sum(block.count for block in self._blocks[:old])
        if count < max(_LEAST_FORGOTTEN, entries.count // 8):
            return []
        part = slice(0, count)
        counting = (entries.kind[part] == Kind.ORDER) & ((entries.flags[part] & CANCELLED) == 0)
        known = counting & (entries.row[part] < store.customers.count)
        rows = entries.row[part][known].astype(np.int64)
        np.maximum.at(store.customers.last_forgotten, rows, entries.at[part][known])
        # Totals that the block would have said again are written with the customer from now on.
        everyone = entries.row[part][entries.row[part] < store.customers.count].astype(np.int64)
        store.touch(np.unique(everyone))
        store.cancels -= int((entries.kind[part] == Kind.CANCEL).sum())
        entries.drop(count)
        self._refunds = {number: order for number, order in self._refunds.items() if number >= entries.first}
        gone, self._blocks = self._blocks[:old], self._blocks[old:]
        self._small = min(self._small, len(self._blocks))
        return [(_key(block.first), None) for block in gone]

    def _made(self, first: int, count: int) -> tuple[Block, Record]:
        """A block of entries, and what is written of it."""
        entries = self._store.entries
        start = first - entries.first
        part = slice(start, start + count)
        at: Ints = entries.at[part]
        block = Block(first, count, int(np.maximum.reduce(at)))
        value = BlockValue(
            at=_raw(at, "<i8"),
            amount=_raw(entries.amount[part], "<i8"),
            key=_raw(entries.key[part], "<u8"),
            row=_raw(entries.row[part], "<u4"),
            kind=_raw(entries.kind[part], "u1"),
            refunds=self._refunds_in(block) if self._refunds else [],
        )
        return block, (_key(first), _encode(value))

    def _refunds_in(self, block: Block) -> list[tuple[int, int]]:
        if len(self._refunds) > block.count:
            numbers = [n for n in range(block.first, block.first + block.count) if n in self._refunds]
        else:
            numbers = [n for n in self._refunds if block.first <= n < block.first + block.count]
        return [(number - block.first, self._refunds[number]) for number in sorted(numbers)]


def _raw(column: Column, kind: str) -> bytes:
    return column.astype(kind, copy=False).tobytes()


def _key(first: int) -> bytes:
    return BLOCK + first.to_bytes(8, "big")
