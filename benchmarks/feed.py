"""Fills the orders topic: whole record batches, as quickly as possible or, as a process, at a pace."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
import zlib
from collections.abc import Iterable

import numpy as np
import workloads
from aiokafka import AIOKafkaProducer

BATCH_BYTES = 900_000
_PACE_SECONDS = 0.02


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as librdkafka's default partitioner has it: no worker minds which one it is."""
    return zlib.crc32(key) % partitions


def producer(bootstrap_servers: str) -> AIOKafkaProducer:
    """What writes record batches."""
    return AIOKafkaProducer(bootstrap_servers=bootstrap_servers, max_batch_size=BATCH_BYTES, acks="all")


async def fill(bootstrap_servers: str, topic: str, partitions: int, pairs: Iterable[workloads.Pair]) -> int:
    """Write keys and values into a topic; how many there were."""
    count = 0
    async with producer(bootstrap_servers) as writing:
        batches = {number: writing.create_batch() for number in range(partitions)}
        for key, value in pairs:
            count += 1
            number = partition_of(key, partitions)
            if batches[number].append(timestamp=None, key=key, value=value) is None:
                await writing.send_batch(batches[number], topic, partition=number)
                batches[number] = writing.create_batch()
                batches[number].append(timestamp=None, key=key, value=value)
        for number, batch in batches.items():
            if batch.record_count():
                await writing.send_batch(batch, topic, partition=number)
        await writing.flush()
    return count


def run(bootstrap_servers: str, topic: str, partitions: int, pairs: Iterable[workloads.Pair]) -> int:
    """As :func:`fill`, without an event loop of one's own."""
    return asyncio.run(fill(bootstrap_servers, topic, partitions, pairs))


async def pace(bootstrap_servers: str, topic: str, partitions: int, customers: int, rate: int) -> None:
    """Write orders of now, so many a second, until cancelled."""
    random = np.random.default_rng(7)
    keys = [b"c-%d" % number for number in range(customers)]
    places = [partition_of(key, partitions) for key in keys]
    start, sent, run = time.monotonic(), 0, uuid.uuid4().hex[:8].encode()
    async with producer(bootstrap_servers) as writing:
        while True:
            due = round((time.monotonic() - start) * rate)
            batches = {number: writing.create_batch() for number in range(partitions)}
            at = time.time_ns() // 1_000_000
            anybody = random.integers(0, customers, due - sent).tolist()
            amounts = random.lognormal(3, 1, due - sent).tolist()
            for number, who, amount in zip(range(sent, due), anybody, amounts, strict=True):
                value = b'{"order_id":"%s-%d","customer_id":"%s","amount":"%.2f","ts":%d}' % (
                    run,
                    number,
                    keys[who],
                    amount,
                    at,
                )
                batches[places[who]].append(timestamp=None, key=keys[who], value=value)
            for number, batch in batches.items():
                if batch.record_count():
                    await writing.send_batch(batch, topic, partition=number)
            sent = due
            await asyncio.sleep(_PACE_SECONDS)


if __name__ == "__main__":
    servers, topic, *numbers = sys.argv[1:]
    asyncio.run(pace(servers, topic, *map(int, numbers)))
