"""A transaction that somebody has begun and does not end, until a test has seen what that does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from deployment import Deployment


@asynccontextmanager
async def open_transaction(deployment: Deployment) -> AsyncIterator[AIOKafkaProducer]:
    """A producer in a transaction, which is aborted in the end."""
    async with AIOKafkaProducer(
        bootstrap_servers=deployment.servers, transactional_id=f"{deployment.settings.app_id}-open"
    ) as producer:
        await producer.begin_transaction()
        try:
            yield producer
        finally:
            await producer.abort_transaction()


@asynccontextmanager
async def killed_as_it_published(deployment: Deployment) -> AsyncIterator[None]:
    """What a worker leaves that is killed between a version's record and the end of its transaction."""
    async with open_transaction(deployment) as producer:
        await producer.send_and_wait(deployment.topics.quantiles.name, b"{}", b"0", partition=0)
        yield
