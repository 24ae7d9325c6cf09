"""Committed offsets that are stable: no transaction is open that may still change them (KIP-447).

``docs/decisions/0009-kafka-clients.md`` says why another client asks for them.
"""

from __future__ import annotations

from kafka import KafkaConsumer, TopicPartition

from stream_rfm.kafka import connection
from stream_rfm.settings import KafkaSettings


def stable_offsets(
    kafka: KafkaSettings, group: str, places: list[tuple[str, int]]
) -> dict[tuple[str, int], int]:
    """The offsets that a group has committed; waits until no transaction is pending on them.

    It blocks: a caller with an event loop hands it to a thread. kafka-python asks for stable offsets when it
    reads committed records; aiokafka does not.

    Args:
        kafka: where the broker is.
        group: the consumer group.
        places: topics and partitions; those without a committed offset are left out.
    """
    consumer = KafkaConsumer(
        **connection.for_kafka_python(kafka),
        group_id=group,
        isolation_level="read_committed",
        enable_auto_commit=False,
    )
    try:
        timeout_ms = round((kafka.transaction_timeout_seconds + kafka.request_timeout_seconds) * 1000)
        found = {place: consumer.committed(TopicPartition(*place), timeout_ms=timeout_ms) for place in places}
        return {place: offset for place, offset in found.items() if offset is not None}
    finally:
        consumer.close(autocommit=False)
