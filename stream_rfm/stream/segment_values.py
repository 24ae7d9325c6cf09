"""Current segments as Redis has them: MessagePack of many customers at once, without a document for each.

How a customer stands is the same for many, so that the beginning of a value is made once. What follows are
numbers. It is byte for byte what packing :func:`~stream_rfm.stream.publication.segment_documents` would give.
"""

from __future__ import annotations

from itertools import repeat

import msgspec
import numpy as np

from stream_rfm.model import instant
from stream_rfm.model.arrays import Column, Ints
from stream_rfm.model.rules import Rules
from stream_rfm.serve.bulk import Bulk, bulk_of
from stream_rfm.stream import columns
from stream_rfm.stream.publication import living
from stream_rfm.stream.record_batches import AT, COUNT
from stream_rfm.stream.word_pool import WordPool
from stream_rfm.stream.words import Words, standing_key
from stream_rfm.table.store import Store

_encode = msgspec.msgpack.Encoder().encode
# The names between the numbers, as MessagePack.
_VERSION, _SEQUENCE, _REVISION, _PARTITION = map(
    _encode, ("quantiles_version", "sequence", "revision", "partition")
)
# Bytes that a key takes beside the id, and a value beside the beginning that many have, at most.
_KEY, _VALUE = 32, 160


class SegmentValues:
    """Makes the values of one deployment's customers."""

    def __init__(self, rules: Rules) -> None:
        """Prepare.

        Args:
            rules: how scores are printed, and the grid.
        """
        self._rules = rules
        self._words = Words(rules)
        self._pool = WordPool(self._words)
        self._tails: dict[int, Column] = {}

    def of(self, store: Store, rows: Ints, partition: int) -> tuple[list[bytes], list[bytes]]:
        """The ids and the values of those of the rows that are a customer's who stands in a segment.

        Args:
            store: the partition's customers.
            rows: which are wanted.
            partition: the partition's number.
        """
        customers, rows = store.customers, living(store, rows)
        ours = store.former is None and store.rules is self._rules
        words = self._words if ours else Words(store.rules, store.former)
        standings = standing_key(
            customers.segment[rows], customers.r[rows], customers.f[rows], customers.m[rows]
        )
        parts = zip(
            words.packed.of(standings),
            map(_encode, (customers.scored_at[rows] // instant.MILLISECOND).tolist()),
            repeat(_VERSION),
            map(_encode, customers.version[rows].tolist()),
            repeat(_SEQUENCE),
            map(_encode, customers.sequence[rows].tolist()),
            repeat(_REVISION),
            map(_encode, customers.revision[rows].tolist()),
            repeat(_PARTITION + _encode(partition)),
            strict=False,
        )
        return customers.ids_of(rows), list(map(b"".join, parts))

    def bulk(self, store: Store, rows: Ints, partition: int) -> Bulk:
        """The same as Redis is told it, which is quicker: by compiled code where that has been loaded.

        Args:
            store: the partition's customers.
            rows: which are wanted.
            partition: the partition's number.
        """
        way, count = columns.BULK.way, len(rows)
        if way is None or store.former is not None or store.rules is not self._rules:
            return bulk_of(*self.of(store, rows, partition))
        people, tail = columns.people(store, rows), self._tail(partition)
        ids = int(np.add.reduce(store.customers.id_length[rows], dtype=np.int64))
        keys = np.empty(_KEY * count + ids, np.uint8), _state()
        while True:
            values = np.empty((_VALUE + self._pool.longest) * count, np.uint8), _state()
            missing = way.bulk(keys, values, people, self._pool.table, tail)
            if missing < 0:
                break
            self._pool.add(missing)
        (key_bytes, key_state), (value_bytes, state) = keys, values
        return Bulk(
            int(state[COUNT]), key_bytes[: key_state[AT]].tobytes(), value_bytes[: state[AT]].tobytes()
        )

    def _tail(self, partition: int) -> Column:
        """What ends the values of a partition."""
        tail = self._tails.get(partition)
        if tail is None:
            tail = self._tails[partition] = np.frombuffer(_PARTITION + _encode(partition), np.uint8)
        return tail


def _state() -> Ints:
    return np.zeros(5, np.int64)
