"""Current segments as Redis has them: MessagePack of many customers at once, without a document for each.

How a customer stands is the same for many, so that the beginning of a value is made once. What follows are
numbers. It is byte for byte what packing :func:`~stream_rfm.stream.publication.segment_documents` would give.
"""

from __future__ import annotations

from itertools import repeat

import msgspec

from stream_rfm.model import instant
from stream_rfm.model.arrays import Ints
from stream_rfm.model.rules import Rules
from stream_rfm.stream.publication import living
from stream_rfm.stream.words import Words, standing_key
from stream_rfm.table.store import Store

_encode = msgspec.msgpack.Encoder().encode


class _Numbers(msgspec.Struct):
    """The numbers that end a value."""

    scored_at: int
    quantiles_version: int
    sequence: int
    revision: int
    partition: int


class SegmentValues:
    """Makes the values of one deployment's customers."""

    def __init__(self, rules: Rules) -> None:
        """Prepare.

        Args:
            rules: how scores are printed, and the grid.
        """
        self._rules = rules
        self._words = Words(rules)

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
        numbers = map(
            _Numbers,
            (customers.scored_at[rows] // instant.MILLISECOND).tolist(),
            customers.version[rows].tolist(),
            customers.sequence[rows].tolist(),
            customers.revision[rows].tolist(),
            repeat(partition),
        )
        standings = standing_key(
            customers.segment[rows], customers.r[rows], customers.f[rows], customers.m[rows]
        )
        # The beginning counts the fields of both.
        values = [
            beginning + ending[1:]
            for beginning, ending in zip(words.packed.of(standings), map(_encode, numbers), strict=True)
        ]
        return customers.ids_of(rows), values
