"""What waits to be written to Redis: marks of one partition's rows, and the watermark that goes behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec
import numpy as np

from stream_rfm.model.arrays import Bools, Ints

#: Of what is in Redis. What another one has written is no base to go on from: all is written again.
SCHEMA = 1

CUSTOMER_KEY = b"rfm:customer:"
PARTITION_KEY = b"rfm:partition:"

# One call sends so many customers; Redis is single-threaded, and half a thousand take it two milliseconds.
_BATCH = 500

#: Gives customers' ids and what their segment is, for some rows of a partition.
Documents = Callable[[Ints], Iterator[tuple[bytes, dict[str, Any]]]]

_encode = msgspec.msgpack.Encoder().encode


@dataclass(slots=True)
class Watermark:
    """How far a partition had come when its rows were taken.

    Attributes:
        as_of: the instant of the version scored with, in milliseconds.
        committed_at: when the last transaction was committed, in milliseconds since 1970.
        quantiles_version: the version's number.
        offset: the offset behind the changelog.
        app_id: whose changelog it is.
        schema: of it and of the customers' values; release 0.1 said none, and meant 1.
    """

    as_of: int
    committed_at: int
    quantiles_version: int
    offset: int
    app_id: str
    schema: int = SCHEMA

    def encode(self) -> bytes:
        """The watermark as the value of its key."""
        return _encode(asdict(self))


@dataclass(slots=True)
class Marks:
    """Marks of one partition.

    Attributes:
        documents: reads its rows.
        everybody: gives all its rows.
        written: the watermark that Redis must have, in bytes; nothing as long as that is not known.
        marked: for each row whether it is to be written.
        erased: ids of customers whose keys have to go.
        watermark: what goes behind all that is marked.
        last_watermark: the one that was sent last.
        replaces: whether what Redis holds is of another changelog, so that its revisions mean nothing; until
            all has been written once.
    """

    documents: Documents
    everybody: Callable[[], Ints]
    written: bytes = b""
    marked: Bools = field(default_factory=lambda: np.zeros(0, bool))
    erased: list[bytes] = field(default_factory=list)
    watermark: Watermark | None = None
    last_watermark: Watermark | None = None
    replaces: bool = False

    def mark(self, rows: Ints) -> None:
        """Rows that are to be written."""
        if not len(rows):
            return
        if (end := int(rows.max()) + 1) > len(self.marked):
            grown = np.zeros(end + end // 2, bool)
            grown[: len(self.marked)] = self.marked
            self.marked = grown
        self.marked[rows] = True

    def take(self, partition: int) -> Send:
        """The next customers to be written, and behind the last of them the watermark.

        Args:
            partition: the partition's number.
        """
        erased, self.erased = self.erased[:_BATCH], self.erased[_BATCH:]
        keys = [CUSTOMER_KEY + customer for customer in erased]
        values = [b""] * len(keys)
        rows = np.flatnonzero(self.marked)[: _BATCH - len(keys)]
        self.marked[rows] = False
        for customer, document in self.documents(rows):
            keys.append(CUSTOMER_KEY + customer)
            values.append(_encode(document))
        watermark = None
        if not self.pending:
            watermark, self.watermark = self.watermark, None
        return Send(partition, keys, values, watermark)

    @property
    def pending(self) -> int:
        """How many customers are to be written."""
        return int(np.count_nonzero(self.marked)) + len(self.erased)

    def begin_anew(self) -> None:
        """Mark all: Redis does not hold what it should."""
        self.written = b""
        self.mark(self.everybody())


@dataclass(frozen=True, slots=True)
class Send:
    """One call: customers with their values, then perhaps a watermark."""

    partition: int
    keys: list[bytes]
    values: list[bytes]
    watermark: Watermark | None


@dataclass(frozen=True, slots=True)
class Held:
    """What Redis says of a partition.

    Attributes:
        value: the watermark, in bytes.
        offset: of the changelog, up to which it holds the customers; 0 if that cannot be read.
        app_id: whose it is; ``None`` if that cannot be read.
    """

    value: bytes
    offset: int
    app_id: str | None


def held_by(value: bytes) -> Held:
    """Read what a partition's key says."""
    try:
        said = msgspec.msgpack.decode(value, type=Watermark)
    except (msgspec.DecodeError, ValueError):
        return Held(value, 0, None)
    return Held(value, said.offset, said.app_id) if said.schema == SCHEMA else Held(value, 0, None)
