"""Values as records: transitions as CloudEvents, segments, versions and dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from stream_rfm.kafka.topics import LARGEST_RECORD
from stream_rfm.model import instant, scoring, version
from stream_rfm.model.arrays import Bools, Column, Ints
from stream_rfm.model.order import Rejected
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.stream import json_texts
from stream_rfm.stream.batches import Message
from stream_rfm.stream.columns import Columns
from stream_rfm.stream.transition_texts import texts_of
from stream_rfm.stream.waiting import size_of
from stream_rfm.stream.words import Words, standing_key
from stream_rfm.table.customer_row import NO_SEGMENT
from stream_rfm.table.moves import Moves
from stream_rfm.table.restore import ChangelogError
from stream_rfm.table.store import Store

TRANSITION_TYPE = "stream-rfm.segment.transition.v1"
_JSON = b"application/json"
# Says of what is no CloudEvent by which schema it is written; release 0.1 said nothing, and meant these.
_SCHEMA, _SEGMENT, _QUANTILES = "schema", b"segment.v1", b"quantiles.v1"
_SEGMENT_HEADERS: list[tuple[str, bytes]] = [("content-type", _JSON), (_SCHEMA, _SEGMENT)]
# Customer, segment and scores, instant, version, sequence and revision; then the partition.
_SEGMENT_VALUE = (
    b'{"customer_id":%%b%%b"%%b","quantiles_version":%%d,"sequence":%%d,"revision":%%d,"partition":%d}'
)
# The columns of customers that segments are published of.
_PUBLISHED = ("segment", "r", "f", "m", "scored_at", "version", "sequence", "revision")
# What a dead letter may hold of a record, in bytes: the topic takes a little more, for what we say of it.
_LARGEST_LETTER = LARGEST_RECORD - (64 << 10)
_AROUND_A_HEADER = 10
_encode = msgspec.json.Encoder().encode


class Publication:
    """Makes records of one deployment."""

    def __init__(self, rules: Rules, app_id: str) -> None:
        """Prepare.

        Args:
            rules: how scores are printed, and the grid.
            app_id: names the source of events.
        """
        self._rules = rules
        self._words = Words(rules)
        # What is the same for every transition.
        self._headers: list[tuple[str, bytes]] = [
            ("ce_specversion", b"1.0"),
            ("ce_type", TRANSITION_TYPE.encode()),
            ("ce_source", f"/stream-rfm/{app_id}".encode()),
            ("content-type", _JSON),
        ]
        #: Writes the same records where that is compiled, and nobody stands by former rules.
        self.columns = Columns(self._words, self._headers, _SEGMENT_HEADERS)

    def transitions(self, moves: Moves, detected_at: int) -> list[Message]:
        """One CloudEvent a transition, in binary mode, keyed by customer.

        Args:
            moves: the transitions.
            detected_at: the instant that it is.
        """
        words = self._words if moves.former is None else Words(self._rules, moves.former)
        texts = texts_of(moves, words, detected_at)
        shared = self._headers
        return [
            (customer, value, [*shared, ("ce_id", event), ("ce_time", at), ("ce_subject", customer)])
            for customer, value, event, at in zip(
                moves.ids, texts.values, texts.ids, texts.times, strict=True
            )
        ]

    def segments(self, parts: Sequence[tuple[Store, Ints, int]]) -> list[list[Message]]:
        """The current segment of customers, keyed by customer (``schemas/segment.v1.json``).

        Args:
            parts: stores with the same former rules, rows of each, and the number of its partition.

        Returns:
            The messages of each.
        """
        first, _, _ = parts[0]
        words = self._words if first.former is None else Words(self._rules, first.former)
        ids = [store.customers.ids_of(rows) for store, rows, _ in parts]
        segment, r, f, m, scored_at, version, sequence, revision = _together(parts)
        facts = zip(
            json_texts.strings([each for some in ids for each in some]),
            words.segments.of(standing_key(segment, r, f, m)),
            json_texts.instants(scored_at - scored_at % instant.MILLISECOND),
            version.tolist(),
            sequence.tolist(),
            revision.tolist(),
            strict=True,
        )
        headers = _SEGMENT_HEADERS
        messages: list[list[Message]] = []
        for some, (_, _, partition) in zip(ids, parts, strict=True):
            value = _SEGMENT_VALUE % partition
            messages.append([(each, value % said, headers) for each, said in zip(some, facts, strict=False)])
        return messages

    def erased(self, customers: Iterable[bytes]) -> Iterator[Message]:
        """Tombstones for customers that are forgotten."""
        return ((customer, None, []) for customer in customers)

    def version(self, made: Version) -> Message:
        """A quantiles version, keyed by its number (``schemas/quantiles.v1.json``)."""
        document = version.to_document(made, self._rules)
        headers = [("content-type", _JSON), (_SCHEMA, _QUANTILES)]
        return str(made.number).encode(), _encode(document), headers


def version_of(record: Any) -> Version:
    """The version that a record holds.

    Raises:
        ChangelogError: a newer release wrote it.
    """
    schema = dict(record.headers or ()).get(_SCHEMA, _QUANTILES)
    if schema != _QUANTILES:
        raise ChangelogError(
            f"The quantiles version at offset {record.offset} has schema {schema.decode()} and this release "
            f"reads {_QUANTILES.decode()}: use a newer release."
        )
    return version.from_document(msgspec.json.decode(record.value))


def dead_letter(topic: str, partition: int, record: Any, reason: Rejected) -> Message:
    """The untouched record, with where it was and why it cannot count.

    What came compressed may be larger than a topic takes: of such a record only that is said, and its size.
    """
    key, value, headers = record.key, record.value, list(record.headers or ())
    # Around a header's name and its value there are lengths.
    size = size_of(record) + _AROUND_A_HEADER * len(headers)
    if size > _LARGEST_LETTER:
        key, value, headers = None, None, []
    headers += [
        ("reason", reason.reason.value.encode()),
        ("detail", reason.detail[:500].encode("utf-8", "replace")),
        ("topic", topic.encode()),
        ("partition", str(partition).encode()),
        ("offset", str(record.offset).encode()),
    ]
    if size > _LARGEST_LETTER:
        headers.append(("omitted-bytes", str(size).encode()))
    return key, value, headers


def segment_documents(store: Store, rows: Ints, partition: int) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Customer ids with what their current segment is, as Redis has it; ``scored_at`` in milliseconds."""
    customers, rules = store.customers, store.rules
    names, eras = dict(enumerate(rules.grid.names)), {}
    if store.former is not None:
        names |= store.former.names
        eras = store.former.eras
    facts = zip(
        customers.ids_of(rows), *(getattr(customers, name)[rows].tolist() for name in _PUBLISHED), strict=True
    )
    for customer, segment, r, f, m, scored_at, number, sequence, revision in facts:
        scored, era = r > 0, eras.get(segment, rules)
        levels, best = era.levels, era.best
        yield (
            customer,
            {
                "segment": names[segment],
                "code": scoring.code(r, f, m, levels, best) if scored else None,
                "r": scoring.printed(r, levels, best) if scored else None,
                "f": scoring.printed(f, levels, best) if scored else None,
                "m": scoring.printed(m, levels, best) if scored else None,
                "scored_at": scored_at // instant.MILLISECOND,
                "quantiles_version": number,
                "sequence": sequence,
                "revision": revision,
                "partition": partition,
            },
        )


def _together(parts: Sequence[tuple[Store, Ints, int]]) -> list[Column]:
    """What is published of rows of several stores, a column each."""
    tables = [(store.customers, rows) for store, rows, _ in parts]
    return [np.concatenate([getattr(table, name)[rows] for table, rows in tables]) for name in _PUBLISHED]


def living(store: Store, rows: Ints) -> Ints:
    """Those of the rows that still are somebody's who stands in a segment.

    A customer of whom nothing was counted yet, as the only order was refused, is somebody and stands nowhere.
    """
    customers = store.customers
    there: Bools = (customers.id_length[rows] > 0) & (customers.segment[rows] != NO_SEGMENT)
    return rows[there]
