"""A process that sends orders on a schedule, whatever happens; what it sends is made before it starts.

Its arguments are the schedule and the broker. At the end it prints how late it was itself, in milliseconds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from typing import Any

import feed
import numpy as np
import schedule
import workloads

# How often it looks what is due, at least, and for each partition: orders wait for that, which is part of
# their latency. Of each partition there is a batch a tick, which costs the broker the same whatever is in it.
_TICK_SECONDS, _TICK_SECONDS_EACH = 0.02, 0.0005


#: Record batches of one tick, each with its partition.
_Tick = list[tuple[int, Any]]


def _ticks(plan: schedule.Schedule, producer: feed.AIOKafkaProducer) -> list[_Tick]:
    """All batches, made before the clock runs: those who send and those who wait share a core."""
    seconds = _tick_seconds(plan)
    ticks: list[dict[int, list[workloads.Pair]]]
    ticks = [{} for _ in range(int((plan.count - 1) / plan.rate / seconds) + 1)]
    for number, pair in enumerate(_pairs(plan)):
        place = feed.partition_of(pair[0], plan.partitions)
        ticks[int(number / plan.rate / seconds)].setdefault(place, []).append(pair)
    return [
        [(place, batch) for place, pairs in tick.items() for batch in _batches(producer, pairs)]
        for tick in ticks
    ]


def _tick_seconds(plan: schedule.Schedule) -> float:
    """How long a tick is: at its end its orders are due, or were a little before."""
    return max(_TICK_SECONDS, _TICK_SECONDS_EACH * plan.partitions)


def _pairs(plan: schedule.Schedule) -> Iterator[workloads.Pair]:
    random = np.random.default_rng(9)
    known = np.arange(plan.customers)
    if plan.only >= 0:
        here = [feed.partition_of(b"c-%d" % who, plan.partitions) == plan.only for who in known.tolist()]
        known = known[here]
    numbers = range(plan.count)
    whose = known[workloads.ranks(random, len(known), plan.count)].tolist()
    names = [plan.name(number, who) for number, who in zip(numbers, whose, strict=True)]
    amounts = random.lognormal(3, 1, plan.count).tolist()
    return workloads.orders(plan.run.encode(), numbers, names, amounts, time.time_ns() // 1000)


def _batches(producer: feed.AIOKafkaProducer, pairs: list[workloads.Pair]) -> list[Any]:
    batches = [producer.create_batch()]
    for key, value in pairs:
        if batches[-1].append(timestamp=None, key=key, value=value) is None:
            batches.append(producer.create_batch())
            batches[-1].append(timestamp=None, key=key, value=value)
    return batches


async def _send(plan: schedule.Schedule, servers: str) -> list[float]:
    late, seconds = [], _tick_seconds(plan)
    async with feed.producer(servers) as producer:
        ticks = _ticks(plan, producer)
        # Connections are made before the clock runs.
        await producer.partitions_for(plan.topic)
        start = await asyncio.to_thread(schedule.wait_for_start)
        for number, tick in enumerate(ticks):
            due = start + number * seconds
            # A tick is sent at its end, when all its orders are due; how late that is counts as theirs.
            await asyncio.sleep(max(0.0, due + seconds - time.time()))
            late.append((time.time() - due) * 1000)
            for place, batch in tick:
                await producer.send_batch(batch, plan.topic, partition=place)
        await producer.flush()
    return late


if __name__ == "__main__":
    found = asyncio.run(_send(schedule.read_argument(), sys.argv[2]))
    print(float(np.percentile(found, 99)), flush=True)
