"""A process that sends orders on a schedule, whatever happens; what it sends is made before it starts.

Its arguments are the schedule and the broker. At the end it prints how late it was itself, in milliseconds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

import feed
import numpy as np
import schedule
import workloads

# How often it looks what is due: orders wait for that, and it is part of their latency.
_TICK_SECONDS = 0.005


class _Queue:
    """The orders of one partition, by the instants at which they are due."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.pairs: list[workloads.Pair] = []
        self.sent = 0

    def due(self, ends: int) -> list[workloads.Pair]:
        """What is to be sent of the orders before a number, and was not sent yet."""
        first = self.sent
        while self.sent < len(self.numbers) and self.numbers[self.sent] < ends:
            self.sent += 1
        return self.pairs[first : self.sent]


def _made(plan: schedule.Schedule) -> list[_Queue]:
    queues = [_Queue() for _ in range(plan.partitions)]
    for number, (key, value) in enumerate(_pairs(plan)):
        queue = queues[feed.partition_of(key, plan.partitions)]
        queue.numbers.append(number)
        queue.pairs.append((key, value))
    return queues


def _pairs(plan: schedule.Schedule) -> Iterator[workloads.Pair]:
    random = np.random.default_rng(9)
    known = np.arange(plan.customers)
    if plan.only >= 0:
        here = [feed.partition_of(b"c-%d" % who, plan.partitions) == plan.only for who in known.tolist()]
        known = known[here]
    numbers = range(plan.count)
    whose = random.choice(known, plan.count).tolist()
    names = [plan.name(number, who) for number, who in zip(numbers, whose, strict=True)]
    amounts = random.lognormal(3, 1, plan.count).tolist()
    return workloads.orders(plan.run.encode(), numbers, names, amounts, time.time_ns() // 1000)


async def _send(plan: schedule.Schedule, servers: str) -> list[float]:
    queues, late = _made(plan), []
    async with feed.producer(servers) as producer:
        # Connections are made before the clock runs.
        await producer.partitions_for(plan.topic)
        start = await asyncio.to_thread(schedule.wait_for_start)
        sent = 0
        while sent < plan.count:
            tick = time.time()
            due = max(0, min(plan.count, int((tick - start) * plan.rate) + 1)) if tick >= start else 0
            if due > sent:
                late.append((tick - start - sent / plan.rate) * 1000)
            for number, queue in enumerate(queues):
                pairs = queue.due(due)
                if pairs:
                    await _write(producer, plan.topic, number, pairs)
            sent = due
            await asyncio.sleep(max(0.0, tick + _TICK_SECONDS - time.time()))
        await producer.flush()
    return late


async def _write(
    producer: feed.AIOKafkaProducer, topic: str, number: int, pairs: list[workloads.Pair]
) -> None:
    batch = producer.create_batch()
    for key, value in pairs:
        if batch.append(timestamp=None, key=key, value=value) is None:
            await producer.send_batch(batch, topic, partition=number)
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value)
    await producer.send_batch(batch, topic, partition=number)


if __name__ == "__main__":
    found = asyncio.run(_send(schedule.read_argument(), sys.argv[2]))
    print(float(np.percentile(found, 99)), flush=True)
