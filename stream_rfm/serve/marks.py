"""What waits to be written to Redis: marks of one partition's rows, and the watermark that goes behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

import msgspec
import numpy as np

from stream_rfm.model.arrays import Ints
from stream_rfm.serve.bulk import Bulk
from stream_rfm.table.row_set import RowSet

#: Of what is in Redis. What another one has written is no base to go on from: all is written again.
SCHEMA = 1

#: One call writes so many customers at most. Redis is single-threaded, and who looks customers up waits: the
#: more take it a millisecond, the fewer, which are also those of calls that are made together, half of that.
#: Where many wait, that all are written soon counts more.
BATCH, SMALL_BATCH = 250, 100
# So many customers of a partition are many.
_MANY = 2_000

#: Gives customers' ids and, as MessagePack, what their segment is, for those rows of a partition that are
#: somebody's.
Values = Callable[[Ints], tuple[list[bytes], list[bytes]]]

_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far a partition had come when its rows were taken.

    Attributes:
        as_of: the instant of the version scored with, in milliseconds.
        committed_at: when the last transaction was committed, or a later instant before which no other one
            was, in milliseconds since 1970.
        quantiles_version: the version's number.
        offset: the offset behind the changelog.
        app_id: whose changelog it is.
        schema: of it and of the customers' values; release 0.1 said none, and meant 1.
        replaces: whether there still may be values of another changelog.
    """

    as_of: int
    committed_at: int
    quantiles_version: int
    offset: int
    app_id: str
    schema: int = SCHEMA
    replaces: bool = False

    def stamped(self, writer: str, call: int) -> bytes:
        """The watermark as the value of its key, unlike that of any other call.

        Args:
            writer: the process that writes it.
            call: counts its calls.
        """
        said = {name: getattr(self, name) for name in self.__slots__}
        return _encode({**said, "writer": writer, "call": call})


@dataclass(slots=True, eq=False)
class Send:
    """One call: customers with their values, then perhaps a watermark.

    Attributes:
        partition: whose they are.
        customers: those to be written.
        erased: ids of those to be erased.
        watermark: what holds once they are written; ``None`` while others still have to be.
        replaces: whether they are written over newer revisions, too.
        stamp: the value of the partition's key once they are written, so that a call made again is known.
    """

    partition: int
    customers: Bulk
    erased: list[bytes]
    watermark: Watermark | None
    replaces: bool
    stamp: bytes = b""

    @property
    def count(self) -> int:
        """How many customers it is of."""
        return len(self.erased) + self.customers.count


@dataclass(frozen=True, slots=True)
class Table:
    """What the cache asks of a partition's table.

    Attributes:
        values: reads rows.
        bulk: reads rows as they are written.
        count: says how many rows there are.
        find: the rows of customers by their ids; below zero for strangers.
    """

    values: Values
    bulk: Callable[[Ints], Bulk]
    count: Callable[[], int]
    find: Callable[[list[bytes]], Ints]


@dataclass(slots=True, eq=False)
class Marks:
    """Marks of one partition.

    Attributes:
        table: its customers.
        written: what Redis must have as the partition's value; nothing as long as that is not known.
        reached: the watermark behind which nothing is missing in Redis; ``None`` before there is any.
        changed: rows to be written that have just changed.
        backlog: rows to be written that wait for those.
        suspect: rows to be written whatever Redis holds of them.
        erased: ids of customers whose keys have to go.
        watermark: what goes behind all that is marked.
        replaces: whether what Redis holds is of another changelog, so that its revisions mean nothing; until
            all has been written once, and nothing of the other one is left.
        unswept: whether Redis may hold customers of it who are in no table. As long as it may, no watermark
            goes behind, so that whoever takes the partition over looks for them, too.
        untouched: whether no call was made of its marks yet.
        stamped: whether its stamp in Redis is this worker's, so that no earlier owner writes any more.
        paused: whether nothing is to be sent, as another deployment writes this partition.
    """

    table: Table
    written: bytes = b""
    reached: Watermark | None = None
    changed: RowSet = field(default_factory=RowSet)
    backlog: RowSet = field(default_factory=RowSet)
    suspect: RowSet = field(default_factory=RowSet)
    erased: dict[bytes, None] = field(default_factory=dict)
    watermark: Watermark | None = None
    replaces: bool = False
    unswept: bool = False
    untouched: bool = True
    stamped: bool = False
    paused: bool = False

    @property
    def pending(self) -> int:
        """How many customers are to be written."""
        return len(self.changed) + len(self.backlog) + len(self.suspect) + len(self.erased)

    @property
    def has_news(self) -> bool:
        """Whether there is something to be written that is not for the backlog's turn."""
        if self.paused:
            return False
        # A sweep waits for the stamp, also where there is nothing else to write.
        last = self.untouched if self.unswept else self.watermark
        return bool(self.changed or self.suspect or self.erased or (last and not self.backlog))

    @property
    def has_backlog(self) -> bool:
        """Whether there is something for the backlog's turn."""
        return bool(self.backlog) and not self.paused

    def erase(self, ids: list[bytes]) -> None:
        """Customers whose keys have to go."""
        self.erased.update(dict.fromkeys(ids))

    def erase_strangers(self, ids: list[bytes]) -> int:
        """Let the keys go of those who are in no table; state must be as it was last committed.

        Who comes after this has a changed row, which is written behind.

        Returns:
            How many that were who did not have to go anyway.
        """
        rows = self.table.find(ids).tolist()
        gone = [each for each, row in zip(ids, rows, strict=True) if row < 0 and each not in self.erased]
        self.erase(gone)
        return len(gone)

    def take(self, partition: int) -> Send:
        """The next customers to be written, and behind the last of them the watermark.

        Args:
            partition: the partition's number.
        """
        self.untouched = False
        most = BATCH if self.pending > _MANY else SMALL_BATCH
        erased = list(islice(self.erased, most))
        for customer in erased:
            del self.erased[customer]
        parts: list[Ints] = []
        left = most - len(erased)
        replaces = self.replaces or bool(self.suspect)
        for marked in (self.suspect, self.changed, self.backlog):
            rows = marked.take(left)
            if not len(rows):
                continue
            if marked is not self.backlog:
                self.backlog.discard(rows)
            left -= len(rows)
            parts.append(rows)
        customers = self.table.bulk(np.concatenate(parts)) if parts else Bulk()
        watermark = None
        if not self.pending and not self.unswept:
            watermark, self.watermark = self.watermark, None
        return Send(partition, customers, erased, watermark, replaces)

    def take_back(self, send: Send) -> None:
        """Let go what was taken before all is marked, the latest first."""
        self.erase(send.erased)
        self.watermark = self.watermark or send.watermark

    def postpone(self) -> None:
        """Let what is marked wait for what will be."""
        self.backlog.take_from(self.changed)

    def begin_anew(self) -> None:
        """Mark all: Redis does not hold what it should, and may hold what it should not."""
        self.written, self.stamped = b"", False
        self.unswept = self.untouched = True
        if self.watermark is None:
            self.watermark = self.reached
        self.reached = None
        self.suspect = RowSet()
        self.backlog.add_first(self.table.count())
