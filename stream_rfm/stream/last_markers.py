"""The marker that ends the last committed transaction of each partition of a changelog."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_rfm.settings import KafkaSettings
from stream_rfm.stream.reading import reading
from stream_rfm.stream.tail import last_record
from stream_rfm.table.journal import MARKER


class LastMarkers:
    """Looks from the end of each partition backwards, and again only where something was added."""

    def __init__(self, consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> None:
        self._consumer = consumer
        self._places = places
        self._ends: dict[TopicPartition, int] = {}
        self._found: dict[TopicPartition, bytes] = {}

    async def look(self) -> list[bytes | None]:
        """The last marker of each partition, in their order; ``None`` where nothing was written."""
        firsts = await self._consumer.beginning_offsets(self._places)
        ends = await self._consumer.end_offsets(self._places)
        for place in self._places:
            if ends[place] != self._ends.get(place):
                marker = await last_record(
                    self._consumer, place, firsts[place], ends[place], lambda record: record.key == MARKER
                )
                if marker is not None:
                    self._found[place] = marker.value
                self._ends[place] = ends[place]
        return [self._found.get(place) for place in self._places]


@asynccontextmanager
async def last_markers(kafka: KafkaSettings, topic: str, partitions: int) -> AsyncIterator[LastMarkers]:
    """Look at a changelog.

    Args:
        kafka: where the broker is.
        topic: the changelog.
        partitions: how many it has.
    """
    async with reading(kafka) as consumer:
        yield LastMarkers(consumer, [TopicPartition(topic, number) for number in range(partitions)])
