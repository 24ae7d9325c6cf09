"""The marker that ends the last committed transaction of each partition of a changelog."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_rfm.kafka import connection
from stream_rfm.settings import KafkaSettings
from stream_rfm.stream.tail import last_record
from stream_rfm.table.journal import MARKER


class LastMarkers:
    """Looks from the end of each partition backwards, and again only where something was added."""

    def __init__(self, kafka: KafkaSettings, topic: str, partitions: int) -> None:
        """Prepare to look; use it with ``async with``.

        Args:
            kafka: where the broker is.
            topic: the changelog.
            partitions: how many it has.
        """
        self._consumer = AIOKafkaConsumer(
            **connection.for_aiokafka(kafka), isolation_level="read_committed", enable_auto_commit=False
        )
        self._places = [TopicPartition(topic, number) for number in range(partitions)]
        self._ends: dict[TopicPartition, int] = {}
        self._found: dict[TopicPartition, bytes] = {}

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

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
