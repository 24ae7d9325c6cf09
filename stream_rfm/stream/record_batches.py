"""Record batches of a transaction, filled in place: by messages, and by compiled code.

The layout is that of record batches of version 2 (Apache Kafka, "Message Format"); ours are part of a
transaction and not compressed. ``docs/decisions/0017-records-by-columns.md`` says why they are made here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from aiokafka.record.util import encode_varint

from stream_rfm.model.arrays import Column, Ints
from stream_rfm.stream.batch_layout import CHECKSUM, HEADER, LENGTH, checksum
from stream_rfm.stream.batches import BATCH_BYTES, Message

#: What a buffer's state says: where the next record begins, how many are in it; why compiled code stopped
#: (0: it did all), what it missed, room or a word; how far texts of days are used up.
AT, COUNT, WHY, MISSING, DAY = range(5)
NO_ROOM, NO_WORD = 1, 2

_VERSION, _TRANSACTIONAL = 2, 0x10
_NO_LEADER_EPOCH = -1
_NOTHING = b"\x01"
# A buffer begins with so many bytes, and doubles.
_FIRST = 4096


class RecordBatch:
    """A batch that nothing is added to; it is sent as aiokafka's ``BatchBuilder`` is, by the same names."""

    def __init__(self, data: Column, count: int) -> None:
        """Take records.

        Args:
            data: room for the header, and the records behind it.
            count: how many there are, at least one.
        """
        self._data = data
        self._count = count
        self._stamp = time.time_ns() // 1_000_000
        self._producer = (-1, -1, -1)
        self._is_built = False

    def record_count(self) -> int:
        """How many records there are."""
        return self._count

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._producer = (producer_id, producer_epoch, base_sequence)

    def _build(self) -> memoryview:
        """The whole batch: with its header once the producer's state is known, and the same ever after."""
        data = self._data.data
        if not self._is_built:
            self._is_built = True
            facts = (_VERSION, 0, _TRANSACTIONAL, self._count - 1, self._stamp, self._stamp)
            length = len(data) - LENGTH.stop
            HEADER.pack_into(data, 0, 0, length, _NO_LEADER_EPOCH, *facts, *self._producer, self._count)
            data[CHECKSUM] = checksum(data).to_bytes(4)
        return data


class Records:
    """Records of a partition of a topic, one behind the other, in as few batches as they go into."""

    def __init__(self) -> None:
        """Begin with none."""
        #: The batch in hand, and how far it is filled.
        self.out: Column = np.empty(_FIRST, np.uint8)
        self.state: Ints = np.zeros(5, np.int64)
        self.state[AT] = HEADER.size
        self._closed: list[RecordBatch] = []

    @property
    def into(self) -> tuple[Column, Ints]:
        """What compiled code writes into: the batch in hand, and how far it is filled."""
        return self.out, self.state

    def __bool__(self) -> bool:
        return bool(self._closed or self.state[COUNT])

    def add(self, messages: Sequence[Message]) -> None:
        """Put messages behind what is there."""
        state = self.state
        for message in messages:
            record, at = _record(int(state[COUNT]), message), int(state[AT])
            if at + len(record) > len(self.out):
                self.make_room(len(record))
                record, at = _record(int(state[COUNT]), message), int(state[AT])
            self.out.data[at : at + len(record)] = record
            state[AT] = at + len(record)
            state[COUNT] += 1

    def make_room(self, size: int) -> None:
        """Have room for a record, in the batch in hand or in the next one.

        Args:
            size: bytes that it takes at most; where one batch does not hold so many it gets one of its own.
        """
        at = int(self.state[AT])
        if at + size > BATCH_BYTES and self.state[COUNT]:
            self._close()
            at = int(self.state[AT])
            self.out = np.empty(max(BATCH_BYTES, at + size), np.uint8)
        elif at + size > len(self.out):
            grown = np.empty(max(min(2 * len(self.out), BATCH_BYTES), at + size), np.uint8)
            grown[:at] = self.out[:at]
            self.out = grown

    def expect(self, size: int) -> None:
        """Begin with a buffer that holds so many bytes, within a batch."""
        if size > len(self.out) and not self.state[COUNT]:
            # There is nothing to be copied.
            self.out = np.empty(min(HEADER.size + size, BATCH_BYTES), np.uint8)

    def batches(self) -> list[RecordBatch]:
        """The batches, in order; nothing can be added then."""
        if self.state[COUNT]:
            self._close()
        return self._closed

    def _close(self) -> None:
        self._closed.append(RecordBatch(self.out[: int(self.state[AT])], int(self.state[COUNT])))
        self.state[AT], self.state[COUNT] = HEADER.size, 0


def number(value: int) -> bytes:
    """A number of variable length that is not negative."""
    doubled = value << 1
    # Nearly all take one or two bytes.
    if doubled < 1 << 7:
        return bytes((doubled,))
    if doubled < 1 << 14:
        return bytes((doubled & 0x7F | 0x80, doubled >> 7))
    said = bytearray()
    encode_varint(value, said.append)
    return bytes(said)


def framed(value: bytes | None) -> bytes:
    """Bytes with their size before them, or that there are none."""
    return _NOTHING if value is None else number(len(value)) + value


def _record(offset: int, message: Message) -> bytes:
    key, value, headers = message
    pieces = [b"\0\0", number(offset), framed(key), framed(value), number(len(headers))]
    for name, said in headers:
        pieces += (framed(name.encode()), framed(said))
    return framed(b"".join(pieces))
