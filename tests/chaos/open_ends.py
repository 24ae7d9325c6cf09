"""Transactions that were not committed: none may hang, and it is counted how many were aborted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from broker import Message, eventually, records, write
from kafka import KafkaConsumer, TopicPartition
from kafka.record import MemoryRecords
from outcome import TOPICS, Outcome

_PROBE_SECONDS = 30.0
#: Nothing, as the value of the probe.
_PROBE = Message(key=b"probe", value=b"{}")


def hanging(outcome: Outcome) -> Iterator[str]:
    """A record written outside of any transaction is the next that is seen, unless one was never ended.

    The probes stay where they are: whoever reads the topics for anything else has to do so before.
    """
    for name in (*map(outcome.topic, TOPICS), outcome.topic(outcome.changelog)):
        yield from hanging_in(outcome.servers, name)


def hanging_in(servers: str, topic: str, seconds: float = _PROBE_SECONDS) -> Iterator[str]:
    """The same of one topic."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers, isolation_level="read_committed", enable_auto_commit=False
    )
    try:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(places)
        consumer.seek_to_end(*places)
        for place in places:
            consumer.position(place)
        write(servers, topic, [_PROBE._replace(partition=place.partition) for place in places])
        seen: dict[int, bytes | None] = {}

        def polled() -> bool:
            for place, some in consumer.poll(timeout_ms=200).items():
                seen.setdefault(place.partition, some[0].key)
            return len(seen) == len(places)

        if not eventually(polled, seconds) or set(seen.values()) != {_PROBE.key}:
            yield f"a transaction hangs in {topic}: {len(seen)} of {len(places)} probes were seen"
    finally:
        consumer.close(autocommit=False)


def aborted_records(outcome: Outcome) -> int:
    """How many records were written that no reader of committed ones may see."""
    total = 0
    for name in ("segment-transitions", outcome.changelog):
        written = records(outcome.servers, outcome.topic(name), "read_uncommitted")
        total += sum(map(len, written.values())) - len(outcome.committed(name))
    return total


def aborted_transactions(data: Iterable[Path]) -> int:
    """How many transactions were aborted, by the markers in what brokers have on their disks.

    Clients are not shown markers. A producer is given up after a transaction that failed, so that none ends
    two of them in one epoch; all partitions and replicas of one have markers of the same.

    Args:
        data: the brokers' folders.
    """
    ended = set()
    for folder in data:
        for log in folder.glob("[!_]*/*.log"):
            batches = MemoryRecords(log.read_bytes())
            while (batch := batches.next_batch()) is not None:
                if batch.magic == 2 and batch.is_control_batch and any(each.abort for each in batch):
                    ended.add((batch.producer_id, batch.producer_epoch))
    return len(ended)
