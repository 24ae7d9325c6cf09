"""What tests ask a broker, by a client that the product does not use for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

#: How long a condition is left alone between two looks, seconds, at first and at most: each look at a worker
#: costs it a page of metrics, and what has taken long may take a little longer.
_PAUSE = (0.02, 0.2)

#: How long what is undecided is waited for, seconds: Kafka says that a transaction is committed before each
#: partition has its marker. What hangs is for a test to find.
PATIENCE = 5.0


class Message(NamedTuple):
    """A record to write."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = []  # noqa: RUF012 - nobody changes it
    partition: int | None = None


def eventually(condition: Callable[[], Any], seconds: float = 10.0) -> bool:
    """Poll until the condition holds or the deadline has passed; says whether it holds."""
    began = time.monotonic()
    least, most = _PAUSE
    while not condition():
        passed = time.monotonic() - began
        if passed > seconds:
            return False
        time.sleep(min(max(passed / 10, least), most))
    return True


def write(servers: str, topic: str, messages: Iterable[Message]) -> None:
    """Write records, one after the other."""
    producer = KafkaProducer(bootstrap_servers=servers)
    try:
        for m in messages:
            producer.send(topic, m.value, m.key, m.headers, partition=m.partition).get(20)
    finally:
        producer.close(timeout=5)


def records(servers: str, topic: str, isolation: str = "read_committed") -> dict[int, list[Any]]:
    """All records that are in a topic at this moment, by partition."""
    deadline = time.monotonic() + PATIENCE
    consumer = KafkaConsumer(
        bootstrap_servers=servers,
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        stable = consumer.end_offsets(places)
        found: dict[int, list[Any]] = {place.partition: [] for place in places}
        ends: dict[TopicPartition, int] = {}
        reading = set(places)
        while reading:
            for place, some in consumer.poll(timeout_ms=200).items():
                found[place.partition] += some
            for place in list(reading):
                # Its end comes with the first answer.
                if (end := consumer.highwater(place)) is not None:
                    end = ends.setdefault(place, end)
                    if time.monotonic() > deadline:
                        end = min(end, stable[place])
                    if consumer.position(place) >= end:
                        reading.remove(place)
        return found
    finally:
        consumer.close()


def last_offsets(servers: str, topic: str, look_back: int = 100) -> dict[int, int]:
    """The offset of the last committed record of each partition that has one, without reading them all."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers, isolation_level="read_committed", enable_auto_commit=False
    )
    try:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(places)
        ends = consumer.end_offsets(places)
        found: dict[int, int] = {}
        while missing := [place for place in places if place.partition not in found and ends[place]]:
            for place in missing:
                consumer.seek(place, max(0, ends[place] - look_back))
            while any(consumer.position(place) < ends[place] for place in missing):
                for place, some in consumer.poll(timeout_ms=200).items():
                    found[place.partition] = some[-1].offset
            if look_back > max(ends.values()):
                break
            look_back *= 10
        return found
    finally:
        consumer.close(autocommit=False)


def committed_offsets(servers: str, topic: str, group: str) -> dict[int, int]:
    """Up to where a group has committed each partition of a topic; 0 where it has not."""
    return {place.partition: at for place, (at, _) in _progress(servers, topic, group).items()}


def uncounted(servers: str, topic: str, group: str) -> int:
    """How many records of a topic a group has not committed yet."""
    return sum(end - at for at, end in _progress(servers, topic, group).values())


def _progress(servers: str, topic: str, group: str) -> dict[TopicPartition, tuple[int, int]]:
    consumer = KafkaConsumer(bootstrap_servers=servers, group_id=group, isolation_level="read_committed")
    try:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        ends = consumer.end_offsets(places)
        return {place: (consumer.committed(place) or 0, end) for place, end in ends.items()}
    finally:
        consumer.close(autocommit=False)
