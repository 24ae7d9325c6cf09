"""The first and the last offsets of a topic, as its leader knows them: committed or not."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka import TopicPartition

from stream_rfm.settings import KafkaSettings
from stream_rfm.stream.reading import reading


async def edges(
    kafka: KafkaSettings, topic: str, partitions: Sequence[int]
) -> tuple[dict[int, int], dict[int, int]]:
    """Ask for the edges of some partitions.

    Args:
        kafka: where the broker is.
        topic: the topic.
        partitions: which of its partitions.

    Returns:
        By partition the offset of the first record that is there, and the offset behind the last.
    """
    places = [TopicPartition(topic, number) for number in partitions]
    if not places:
        return {}, {}
    async with reading(kafka, isolation_level="read_uncommitted") as consumer:
        firsts = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
    return (
        {place.partition: int(firsts[place]) for place in places},
        {place.partition: int(ends[place]) for place in places},
    )
