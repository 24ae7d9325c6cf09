"""Follows the published quantiles versions, so that every worker learns of those that others make."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from mode import Service

from stream_rfm.model.version import Version
from stream_rfm.settings import KafkaSettings
from stream_rfm.stream import cancellation
from stream_rfm.stream.edges import edges
from stream_rfm.stream.publication import version_of
from stream_rfm.stream.reading import reading
from stream_rfm.stream.tail import last_record

log = logging.getLogger(__name__)

_FETCH_MS = 500
_PAUSE_SECONDS = 1.0


class VersionFollower(Service):
    """Reads the versions that are published already, then goes on with those to come."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        take: Callable[[Version], None],
        *,
        from_latest: bool,
        **service: Any,
    ) -> None:
        """Follow a topic.

        Args:
            kafka: where the broker is.
            topic: the topic of versions.
            take: told of each version.
            from_latest: begin with the latest version, since older ones are of no use, instead of the first.
            service: arguments of :class:`mode.Service`.
        """
        super().__init__(**service)
        self._kafka = kafka
        self._place = TopicPartition(topic, 0)
        self._take = take
        self._from_latest = from_latest
        self._position: int | None = None
        self._moved = asyncio.Condition()

    async def caught_up(self) -> None:
        """Wait until all that is published by now has been read, and all that may still be has been decided.

        A worker that was killed as it published leaves a transaction open. What its successor has published
        is behind that, and not shown before the broker has aborted it: whoever makes versions next must not
        go on without.
        """
        _, ends = await edges(self._kafka, self._place.topic, [self._place.partition])
        end = ends[self._place.partition]
        async with self._moved:
            await self._moved.wait_for(lambda: self._position is not None and self._position >= end)

    @Service.task
    async def _follow(self) -> None:
        while not self.should_stop:
            try:
                await self._read()
            except (KafkaError, asyncio.CancelledError) as error:
                if cancellation.is_wanted():
                    raise
                log.warning("versions cannot be read; trying again", extra={"error": type(error).__name__})
                await self.sleep(_PAUSE_SECONDS)

    async def _read(self) -> None:
        async with reading(
            self._kafka, auto_offset_reset="earliest", fetch_max_wait_ms=_FETCH_MS
        ) as consumer:
            start = await self._beginning(consumer) if self._position is None else self._position
            consumer.assign([self._place])
            consumer.seek(self._place, start)
            while not self.should_stop:
                fetched = await consumer.getmany(self._place, timeout_ms=_FETCH_MS)
                for record in fetched.get(self._place, ()):
                    if record.value is not None:
                        self._take(version_of(record))
                async with self._moved:
                    self._position = await consumer.position(self._place)
                    self._moved.notify_all()

    async def _beginning(self, consumer: AIOKafkaConsumer) -> int:
        """The offset of the first version to be read."""
        place = self._place
        first: int = (await consumer.beginning_offsets([place]))[place]
        if not self._from_latest:
            return first
        end = (await consumer.end_offsets([place]))[place]
        latest = await last_record(consumer, place, first, end, lambda record: record.value is not None)
        return first if latest is None else int(latest.offset)
