"""A process that notes when it has read, committed, the transitions that a schedule's orders make.

Its arguments are the schedule, the broker, the topic of transitions, and the file for what it finds. It ends
when its input does.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

import msgspec
import numpy as np
import schedule
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.record.memory_records import MemoryRecords

from stream_rfm.stream.fetched import use_fetched, whole_batches


class _Transition(msgspec.Struct):
    cause: str
    order_id: str | None = None


_decode = msgspec.json.Decoder(_Transition).decode


class _Probe:
    def __init__(self, plan: schedule.Schedule) -> None:
        self._prefix = f"{plan.run}-"
        #: Numbers of orders, and when their transitions were read.
        self.numbers: list[int] = []
        self.read_at: list[float] = []
        #: When transitions of other causes were read, and how many.
        self.others: list[tuple[float, int]] = []

    def note(self, now: float, batches: list[bytes]) -> None:
        """Note what some batches hold that were read at an instant."""
        others = 0
        for batch in batches:
            for value in _values(batch):
                order = _decode(value).order_id
                if order is not None and order.startswith(self._prefix):
                    self.numbers.append(int(order[len(self._prefix) :]))
                    self.read_at.append(now)
                else:
                    others += 1
        if others:
            self.others.append((now, others))


def _values(batch: bytes) -> Iterator[bytes]:
    records = MemoryRecords(batch)
    while records.has_next():
        yield from (record.value for record in records.next_batch())


async def _run(plan: schedule.Schedule, servers: str, topic: str, path: str) -> None:
    # What is in them is looked at in the end: those who read share a core with those who are measured.
    read: list[tuple[float, list[bytes]]] = []
    use_fetched()
    async with AIOKafkaConsumer(
        bootstrap_servers=servers,
        isolation_level="read_committed",
        fetch_max_wait_ms=100,
        key_deserializer=whole_batches,
    ) as consumer:
        consumer.assign([TopicPartition(topic, number) for number in range(plan.partitions)])
        await consumer.seek_to_end()
        for place in consumer.assignment():
            await consumer.position(place)
        start = await asyncio.to_thread(schedule.wait_for_start)
        ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        while not ended.done():
            batches = [batch for some in (await consumer.getmany(timeout_ms=100)).values() for batch in some]
            read.append((time.time(), [bytes(batch.data) for batch in batches]))
    probe = _Probe(plan)
    for now, batches in read:
        probe.note(now, batches)
    numbers = np.array(probe.numbers, np.int64)
    np.savez(
        path,
        intended=start + numbers / plan.rate,
        read_at=np.array(probe.read_at),
        numbers=numbers,
        others=np.array(probe.others).reshape(-1, 2),
    )


if __name__ == "__main__":
    asyncio.run(_run(schedule.read_argument(), *sys.argv[2:5]))
