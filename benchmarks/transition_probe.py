"""A process that notes when it has read, committed, the transitions that a schedule's orders make.

Its arguments are the schedule, the broker, the topic of transitions, and the file for what it finds. It ends
when its input does.
"""

from __future__ import annotations

import asyncio
import select
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import schedule
import wire
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import for_code
from aiokafka.protocol.fetch import FetchRequest_v4, FetchResponse_v4
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from stream_rfm.settings import KafkaSettings
from stream_rfm.stream.edges import edges

# How long the broker waits for something to be there, and how much it gives of a partition.
_WAIT_MS, _PART_BYTES = 100, 1 << 20


class _Transition(msgspec.Struct):
    cause: str
    order_id: str | None = None


_decode = msgspec.json.Decoder(_Transition).decode


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of a partition at an instant: batches, and which of them are of transactions aborted."""

    now: float
    place: TopicPartition
    offset: int
    aborted: list[tuple[int, int]]
    data: bytes

    def values(self) -> Iterator[bytes]:
        """What is committed, as the classes of aiokafka's consumer find it."""
        found = PartitionRecords(
            self.place,
            MemoryRecords(self.data),
            self.aborted,
            self.offset,
            key_deserializer=None,
            value_deserializer=None,
            check_crcs=False,
            isolation_level=READ_COMMITTED,
        )
        return (record.value for record in found)

    @property
    def end(self) -> int:
        """The offset behind the last whole batch."""
        end, records = self.offset, MemoryRecords(self.data)
        while records.has_next():
            end = records.next_batch().next_offset
        return end


class _Reader:
    """Reads what is committed to the partitions of a topic."""

    def __init__(self, broker: wire.Wire, topic: str, offsets: dict[int, int]) -> None:
        self._broker = broker
        self._topic = topic
        self._offsets = offsets

    def read(self) -> list[_Read]:
        """What is there, as soon as anything is."""
        wanted = [(place, offset, _PART_BYTES) for place, offset in self._offsets.items()]
        whole = len(wanted) * _PART_BYTES
        request = FetchRequest_v4(-1, _WAIT_MS, 1, whole, READ_COMMITTED, [(self._topic, wanted)])
        self._broker.send(wire.framed(request))
        answer = self._broker.answer(FetchResponse_v4)
        return [read for _, partitions in answer.topics for one in partitions if (read := self._take(*one))]

    def _take(
        self, place: int, error: int, end: int, stable: int, aborted: list[tuple[int, int]], data: bytes
    ) -> _Read | None:
        del end, stable
        if error:
            raise SystemExit(f"Kafka gave nothing of partition {place} of {self._topic}: {for_code(error)}")
        if not data:
            return None
        of = TopicPartition(self._topic, place)
        read = _Read(time.time(), of, self._offsets[place], aborted, data)
        self._offsets[place] = read.end
        return read


def _run(plan: schedule.Schedule, servers: str, topic: str, path: str) -> None:
    # What is in them is looked at in the end: those who read share a core with those who are measured.
    read: list[_Read] = []
    kafka = KafkaSettings(bootstrap_servers=servers)
    _, offsets = asyncio.run(edges(kafka, topic, range(plan.partitions)))
    with wire.connected(servers) as broker:
        reader = _Reader(broker, topic, offsets)
        start = schedule.wait_for_start()
        while not select.select([sys.stdin], [], [], 0)[0]:
            read += reader.read()
    found, read_at, others = _found(plan, read)
    numbers = np.array(found, np.int64)
    np.savez(
        path,
        intended=start + numbers / plan.rate,
        read_at=np.array(read_at),
        numbers=numbers,
        others=np.array(others).reshape(-1, 2),
    )


def _found(
    plan: schedule.Schedule, every: list[_Read]
) -> tuple[list[int], list[float], list[tuple[float, int]]]:
    """Numbers of orders and when their transitions were read; when how many of other causes were."""
    prefix = f"{plan.run}-"
    numbers: list[int] = []
    read_at: list[float] = []
    others: list[tuple[float, int]] = []
    for read in every:
        ids = [_decode(value).order_id for value in read.values()]
        ours = [int(order[len(prefix) :]) for order in ids if order is not None and order.startswith(prefix)]
        numbers += ours
        read_at += [read.now] * len(ours)
        if len(ours) < len(ids):
            others.append((read.now, len(ids) - len(ours)))
    return numbers, read_at, others


if __name__ == "__main__":
    _run(schedule.read_argument(), *sys.argv[2:5])
