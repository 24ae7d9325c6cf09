"""A consumer of no group, for as long as something is read or asked with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer

from stream_rfm.kafka import connection
from stream_rfm.settings import KafkaSettings


@asynccontextmanager
async def reading(kafka: KafkaSettings, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """Connect, and disconnect in the end.

    Args:
        kafka: where the broker is.
        options: of :class:`aiokafka.AIOKafkaConsumer`; unless they say otherwise, what is committed is read.
    """
    consumer = AIOKafkaConsumer(
        **{
            **connection.for_aiokafka(kafka),
            "isolation_level": "read_committed",
            "enable_auto_commit": False,
            **options,
        }
    )
    try:
        await consumer.start()
        # aiokafka's stop() raises CancelledError where the tasks that start() has made did not run yet.
        await asyncio.sleep(0)
        yield consumer
    finally:
        await consumer.stop()
