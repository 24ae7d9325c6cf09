"""What aiokafka has fetched of a partition, as whole record batches instead of an object for each record.

aiokafka makes a ``ConsumerRecord`` of every record, which costs more than all the rest of a fetch. Its own
classes go on to check batches, to leave out what was aborted and what is only a marker, and to keep count;
what they then would take apart record by record is handed on as it came, to be taken apart at once
(``docs/decisions/0014-compiled-intake.md``). Consumers of aiokafka's get records that were only parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from aiokafka import TopicPartition, codec
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from stream_rfm.intake import kernels, one_by_one
from stream_rfm.intake.run import WIDTH, Run
from stream_rfm.stream.batch_layout import CHECKSUM, COUNT, HEADER, LENGTH, MAGIC, checksum

_CODEC, _APPEND_TIME, _CONTROL = 0x07, 0x08, 0x20
_DECODE = {
    1: codec.gzip_decode,
    2: codec.snappy_decode,
    3: codec.lz4_decode,
    4: codec.zstd_decode,
}


class Facts(NamedTuple):
    """What is asked of a batch of aiokafka's; see there."""

    base_offset: int
    next_offset: int
    max_timestamp: int
    compression_type: int


class Fetched:
    """Stands for aiokafka's ``MemoryRecords``: goes through the batches, and knows the bytes of each."""

    def __init__(self, data: bytes, *, whole: bool = False) -> None:
        """Go through some batches.

        Args:
            data: the batches.
            whole: whether they are handed on as a whole.
        """
        self._data = data
        self._records: Any = MemoryRecords(data)
        self._at = 0
        self._whole = whole

    def size_in_bytes(self) -> int:
        """How many bytes were fetched."""
        return len(self._data)

    def has_next(self) -> bool:
        """Whether there is another batch."""
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        """The next batch."""
        start = self._at
        batch = self._records.next_batch()
        self._at += LENGTH.stop + int.from_bytes(self._data[start + LENGTH.start : start + LENGTH.stop])
        return WholeBatch(batch, memoryview(self._data)[start : self._at]) if self._whole else batch


class WholeBatch:
    """A batch of aiokafka's, or facts of one, that gives itself instead of its records."""

    __slots__ = ("_batch", "data")

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        #: The bytes of the batch, with its header.
        self.data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[WholeBatch]:
        return iter((self,))

    def __next__(self) -> Any:
        """The next record: aiokafka looks into batches of markers."""
        return next(self._batch)

    @property
    def offset(self) -> int:
        """The offset that the batch reaches to."""
        return int(self._batch.next_offset) - 1

    @property
    def count(self) -> int:
        """How many records are in it."""
        return int.from_bytes(self.data[COUNT])

    @property
    def is_plain(self) -> bool:
        """Whether it is in the format that is read in columns, and not compressed."""
        return self.data[MAGIC] == 2 and not self._batch.compression_type

    def validate_crc(self) -> bool:
        """Whether the batch is what was written, by its checksum: a tenth of what it takes aiokafka."""
        if self.data[MAGIC] != 2:  # those before have another one
            return bool(self._batch.validate_crc())
        return checksum(self.data) == int.from_bytes(self.data[CHECKSUM])

    def records(self) -> list[Any]:
        """The records, as aiokafka takes them apart, however often they are asked for.

        Raises:
            CorruptRecordException: it cannot.
        """
        try:
            # A batch of aiokafka's can be gone through once.
            return list(MemoryRecords(bytes(self.data)).next_batch())
        except UnicodeDecodeError:  # that is a header's name, and Kafka takes any
            return list(self._one_by_one())

    def _one_by_one(self) -> Run:
        part, facts = _part(self)
        try:
            return one_by_one.unpacked(bytes(part), *facts)
        except ValueError as error:
            raise CorruptRecordException(str(error)) from None


class PartitionRecords(fetcher.PartitionRecords):
    """Gives what :class:`Fetched` gives, as it is."""

    def __iter__(self) -> Any:
        """What goes through all that was fetched: not by :meth:`__next__`, a call more for each record."""
        return self._records_iterator

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        del tp
        return record


def committed_batches(
    place: TopicPartition, data: bytes, aborted: list[tuple[int, int]], offset: int
) -> tuple[list[WholeBatch], int]:
    """What was fetched of a partition, without what was aborted and what is only a marker.

    Args:
        place: the partition.
        data: record batches, the last of which may not be whole.
        aborted: producers of transactions that were aborted, and where those begin.
        offset: where to begin; the first batch may begin before it.

    Returns:
        The batches, and the offset to go on from.

    Raises:
        CorruptRecordException: a batch is not what was written.
    """
    found = None if aborted else _all_committed(place, data, offset)
    if found is not None:
        return found
    records = PartitionRecords(
        place,
        Fetched(data, whole=True),
        aborted,
        offset,
        key_deserializer=None,
        value_deserializer=None,
        check_crcs=True,
        isolation_level=fetcher.READ_COMMITTED,
    )
    batches = list(records)
    return batches, records.next_fetch_offset


def _all_committed(place: TopicPartition, data: bytes, offset: int) -> tuple[list[WholeBatch], int] | None:
    """The same where nothing was aborted, by the headers alone; ``None`` where there are older formats."""
    batches, at, everything = [], 0, memoryview(data)
    while at + MAGIC < len(data):
        if data[at + MAGIC] != 2:
            return None
        if at + HEADER.size > len(data):
            break
        base, length, _, _, said, attributes, last, _, stamp, *_ = HEADER.unpack_from(data, at)
        end = at + LENGTH.stop + length
        if end > len(data):
            break
        batch = everything[at:end]
        if len(batch) < HEADER.size or checksum(batch) != said:
            raise CorruptRecordException(f"Invalid CRC - {place}")
        facts = Facts(base, base + last + 1, stamp, attributes & _CODEC)
        # All of it may have been read before.
        if facts.next_offset > offset and not attributes & _CONTROL:
            batches.append(WholeBatch(facts, batch))
        at, offset = end, facts.next_offset
    return batches, offset


def use_fetched() -> None:
    """Have all consumers of this process give records as they were parsed, from now on."""
    fetcher.MemoryRecords = Fetched
    fetcher.PartitionRecords = PartitionRecords


def run_of(batches: Sequence[WholeBatch]) -> Sequence[Any]:
    """The records of some batches of one partition, in their order: in columns, or one by one.

    Raises:
        CorruptRecordException: a batch does not hold together.
    """
    compiled = kernels.loaded()
    if compiled is not None and all(batch.data[MAGIC] == 2 for batch in batches):
        run = _in_columns(batches, compiled)
        if run is not None:
            return run
    return [record for batch in batches for record in batch.records()]


def _in_columns(batches: Sequence[WholeBatch], compiled: kernels.Kernels) -> Run | None:
    """The records in columns; ``None`` if they are not what they should be."""
    parts = []
    facts = np.empty((4, len(batches)), np.int64)
    for place, batch in enumerate(batches):
        part, facts[:, place] = _part(batch)
        parts.append(part)
    count, base, stamp, appended = facts
    size = np.fromiter(map(len, parts), np.int64, len(parts))
    data = np.frombuffer(b"".join(parts), np.uint8)
    end = np.cumsum(size)
    places = np.empty((WIDTH, int(count.sum())), np.int64)
    done = compiled.unpack(data, end - size, end, count, base, stamp, appended, places)
    return Run(data, places) if done else None


def _part(batch: WholeBatch) -> tuple[Any, tuple[int, int, int, int]]:
    """A batch's records, uncompressed, and what has to be known of them: see :func:`one_by_one.unpacked`."""
    base, _, _, _, _, attributes, _, stamp, last_stamp, _, _, _, count = HEADER.unpack_from(batch.data)
    part: Any = batch.data[HEADER.size :]
    if attributes & _CODEC:
        part = _DECODE[attributes & _CODEC](part.tobytes())
    return part, (count, base, stamp, last_stamp if attributes & _APPEND_TIME else -1)
