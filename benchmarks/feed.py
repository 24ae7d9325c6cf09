"""Fills the orders topic: whole record batches, as quickly as possible or, as a process, at a pace."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Iterator

import numpy as np
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from stream_rfm.model import instant

BATCH_BYTES = 900_000
_PACE_SECONDS = 0.02


def orders(
    count: int, customers: int, until: int, seed: int = 1, *, each: bool = False
) -> Iterator[tuple[bytes, bytes]]:
    """Keys and JSON values of orders, uniform over customers, over the last thirty days up to an instant.

    With ``each`` every customer orders once before that.
    """
    random = np.random.default_rng(seed)
    start = until - 30 * instant.DAY
    step = 30 * instant.DAY // count
    for low in range(0, count, 100_000):
        size = min(100_000, count - low)
        numbers = np.arange(low, low + size)
        anybody = random.integers(0, customers, size)
        who = np.where(each & (numbers < customers), numbers, anybody).tolist()
        amount = np.round(random.lognormal(3, 1, size), 2).tolist()
        for i in range(size):
            at = instant.iso((start + (low + i) * step) // instant.SECOND * instant.SECOND)
            key = b"c-%d" % who[i]
            yield (
                key,
                b'{"type":"order","order_id":"o-%d","customer_id":"%s","amount":"%.2f","currency":"EUR","ts":"%s"}'
                % (
                    low + i,
                    key,
                    amount[i],
                    at.encode(),
                ),
            )


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as Kafka's default partitioner has it."""
    return (murmur2(key) & 0x7FFF_FFFF) % partitions


async def fill(
    bootstrap_servers: str,
    topic: str,
    partitions: int,
    count: int,
    customers: int,
    until: int,
    *,
    each: bool = False,
) -> None:
    """Write orders into a topic."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, max_batch_size=BATCH_BYTES, acks="all")
    await producer.start()
    places: dict[bytes, int] = {}
    batches = {number: producer.create_batch() for number in range(partitions)}
    try:
        for key, value in orders(count, customers, until, each=each):
            number = places.get(key)
            if number is None:
                number = places[key] = partition_of(key, partitions)
            if batches[number].append(timestamp=None, key=key, value=value) is None:
                await producer.send_batch(batches[number], topic, partition=number)
                batches[number] = producer.create_batch()
                batches[number].append(timestamp=None, key=key, value=value)
        for number, batch in batches.items():
            if batch.record_count():
                await producer.send_batch(batch, topic, partition=number)
        await producer.flush()
    finally:
        await producer.stop()


def run(*arguments: object, each: bool = False) -> None:
    """As :func:`fill`, without an event loop of one's own."""
    asyncio.run(fill(*arguments, each=each))  # type: ignore[arg-type]


async def pace(bootstrap_servers: str, topic: str, partitions: int, customers: int, rate: int) -> None:
    """Write orders of now, so many a second, until cancelled."""
    random = np.random.default_rng(7)
    keys = [b"c-%d" % number for number in range(customers)]
    places = [partition_of(key, partitions) for key in keys]
    start, sent, run = time.monotonic(), 0, uuid.uuid4().hex[:8].encode()
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, max_batch_size=BATCH_BYTES, acks="all"
    ) as producer:
        while True:
            due = round((time.monotonic() - start) * rate)
            batches = {number: producer.create_batch() for number in range(partitions)}
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
                    await producer.send_batch(batch, topic, partition=number)
            sent = due
            await asyncio.sleep(_PACE_SECONDS)


if __name__ == "__main__":
    servers, topic, *numbers = sys.argv[1:]
    asyncio.run(pace(servers, topic, *map(int, numbers)))
