"""A copy of a partition's state as of one commit, in columns, and as bytes that say when they are damaged.

It says what the changelog says up to an offset, so that only what comes behind has to be read
(``docs/decisions/0011-snapshots.md``). Everything that follows from the entries is left out and counted
anew, by the same code, wherever the entries come from.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import xxhash

from stream_rfm.model.arrays import Column
from stream_rfm.table.journal import Journal
from stream_rfm.table.store import Store

SCHEMA = 1
_MAGIC = b"RFMSNAP\n"
# Magic, length of the head, and the head's hash. What is behind begins where any column may.
_PREAMBLE = struct.Struct("<8sI4x16s")
_ALIGNED = 64


class SnapshotError(Exception):
    """A snapshot that is not used.

    Attributes:
        reason: one word, as the metrics have it.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot is of.

    Attributes:
        schema: of the file.
        app_id: whose state it is.
        topic: the changelog.
        topic_id: what Kafka calls the topic; another one of the same name has another.
        partition: of the changelog.
        offset: of the changelog; the snapshot holds what is committed below.
        settled_at: an instant before which nothing was written behind that offset.
    """

    schema: int = SCHEMA
    app_id: str
    topic: str
    topic_id: str
    partition: int
    offset: int
    settled_at: int


class _Content(msgspec.Struct, frozen=True):
    """Where the columns stand: name, type and number of values of each, and the hash of all."""

    head: Head
    marker: bytes
    entries_first: int
    columns: list[tuple[str, str, int]]
    digest: bytes


class _AnyHead(msgspec.Struct):
    schema: int


class _AnyContent(msgspec.Struct):
    head: _AnyHead


# Made here: threads that are the first to decode a type at the same time may crash msgspec 0.22.
_decode_any = msgspec.msgpack.Decoder(_AnyContent).decode
_decode_content = msgspec.msgpack.Decoder(_Content).decode


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state.

    Attributes:
        marker: the marker that ended the last transaction.
        customers: columns, a value a row.
        ids: the bytes of all ids.
        entries: columns, a value an entry.
        entries_first: the first entry's sequence number.
        blocks: how many entries each block of the changelog holds, in order.
        refunds: the numbers of refunds with an id of their own, ascending, and the hashes of their orders.
    """

    marker: bytes
    customers: dict[str, Column]
    ids: Column
    entries: dict[str, Column]
    entries_first: int
    blocks: Column
    refunds: tuple[Column, Column]

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return sum(values.nbytes for _, values in _columns(self))


def copy_of(store: Store, journal: Journal, marker: bytes) -> Snapshot:
    """Copy the state; it must be as it was when the marker was committed."""
    customers, ids = store.customers.copied()
    numbers = np.array(sorted(journal.refunds), np.int64)
    return Snapshot(
        marker=marker,
        customers=customers,
        ids=ids,
        entries=store.entries.copied(),
        entries_first=store.entries.first,
        blocks=np.array(journal.sizes, np.int64),
        refunds=(numbers, np.array([journal.refunds[number] for number in numbers.tolist()], np.uint64)),
    )


def encode(head: Head, snapshot: Snapshot) -> list[Any]:
    """A snapshot as buffers to be written one after the other."""
    columns, buffers = [], []
    digest = xxhash.xxh3_128()
    for name, values in _columns(snapshot):
        raw = np.ascontiguousarray(values).view(np.uint8).data
        columns.append((name, values.dtype.str, len(values)))
        buffers += [raw, bytes(-len(raw) % _ALIGNED)]
        digest.update(raw)
    content = _Content(head, snapshot.marker, snapshot.entries_first, columns, digest.digest())
    said = msgspec.msgpack.encode(content)
    preamble = _PREAMBLE.pack(_MAGIC, len(said), xxhash.xxh3_128_digest(said))
    padding = bytes(-(len(preamble) + len(said)) % _ALIGNED)
    return [preamble, said, padding, *buffers]


def read_head(raw: bytes) -> Head:
    """What a snapshot is of, from its beginning; the columns are not looked at.

    Raises:
        SnapshotError: it is damaged, or a newer release wrote it.
    """
    return _content(raw)[0].head


def head_bytes(raw: bytes) -> int:
    """How many bytes from the beginning :func:`read_head` needs, given the first 32 or more."""
    return _PREAMBLE.size + (_PREAMBLE.unpack_from(raw)[1] if len(raw) >= _PREAMBLE.size else 0)


def decode(raw: bytes) -> tuple[Head, Snapshot]:
    """A snapshot from its bytes; the columns are views of them.

    Raises:
        SnapshotError: it is damaged, or a newer release wrote it.
    """
    content, at = _content(raw)
    found: dict[str, Column] = {}
    digest = xxhash.xxh3_128()
    for name, kind, count in content.columns:
        size = np.dtype(kind).itemsize * count
        if at + size > len(raw):
            raise _damaged(f"it ends after {len(raw)} bytes")
        found[name] = np.frombuffer(raw, kind, count, at)
        digest.update(memoryview(raw)[at : at + size])
        at += size + -size % _ALIGNED
    if digest.digest() != content.digest:
        raise _damaged("its content is not what was written")
    return content.head, Snapshot(
        marker=content.marker,
        customers=_named("customers.", found),
        ids=found["ids"],
        entries=_named("entries.", found),
        entries_first=content.entries_first,
        blocks=found["blocks"],
        refunds=(found["refunds.number"], found["refunds.order"]),
    )


def _content(raw: bytes) -> tuple[_Content, int]:
    if len(raw) < _PREAMBLE.size:
        raise _damaged(f"it ends after {len(raw)} bytes")
    magic, length, digest = _PREAMBLE.unpack_from(raw)
    said = raw[_PREAMBLE.size : _PREAMBLE.size + length]
    if magic != _MAGIC or xxhash.xxh3_128_digest(said) != digest:
        raise _damaged("its head is not what was written")
    schema = _decode_any(said).head.schema
    if schema != SCHEMA:
        raise SnapshotError("schema", f"it has schema {schema} and this release reads {SCHEMA}")
    end = _PREAMBLE.size + length
    return _decode_content(said), end + -end % _ALIGNED


def _columns(snapshot: Snapshot) -> Iterator[tuple[str, Column]]:
    yield from ((f"customers.{name}", values) for name, values in snapshot.customers.items())
    yield "ids", snapshot.ids
    yield from ((f"entries.{name}", values) for name, values in snapshot.entries.items())
    yield "blocks", snapshot.blocks
    yield "refunds.number", snapshot.refunds[0]
    yield "refunds.order", snapshot.refunds[1]


def _named(prefix: str, found: dict[str, Column]) -> dict[str, Column]:
    return {name.removeprefix(prefix): values for name, values in found.items() if name.startswith(prefix)}


def _damaged(what: str) -> SnapshotError:
    return SnapshotError("damaged", f"{what}: it is damaged")
