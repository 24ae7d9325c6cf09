"""Members of a real consumer group, and the work that they commit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from broker import PATIENCE
from committed_records import committed_records
from deployment import Deployment

from stream_rfm.stream.committed import stable_offsets
from stream_rfm.stream.named_member import say_names
from stream_rfm.stream.offset_commit import Membership
from stream_rfm.stream.transaction import Transactions
from stream_rfm.stream.work import Work


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> bool:
    """As :func:`broker.eventually`, but others go on meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


class Member:
    """A consumer in the group of a deployment."""

    def __init__(self, consumer: AIOKafkaConsumer, fenced: list[None]) -> None:
        self._consumer = consumer
        self._fenced = fenced

    @property
    def fenced(self) -> bool:
        """Whether its name has gone to another."""
        return bool(self._fenced)

    @property
    def membership(self) -> Membership:
        """Who it is, by now."""
        coordinator = self._consumer._coordinator
        return Membership(coordinator.generation, coordinator.member_id, coordinator._group_instance_id)

    async def until_assigned(self) -> Membership:
        """Wait until it has its partitions."""
        assert await until(lambda: self._consumer.assignment() and self.membership.generation >= 0)
        return self.membership


@asynccontextmanager
async def member_of(deployment: Deployment, name: str | None = None) -> AsyncIterator[Member]:
    """Join the group, under a name or none; leave it at the end."""
    fenced: list[None] = []
    say_names(lambda: fenced.append(None))
    async with AIOKafkaConsumer(
        deployment.topics.orders.name,
        bootstrap_servers=deployment.servers,
        group_id=deployment.settings.app_id,
        group_instance_id=name,
        enable_auto_commit=False,
        heartbeat_interval_ms=100,
    ) as consumer:
        member = Member(consumer, fenced)
        await member.until_assigned()
        yield member


@asynccontextmanager
async def member_behind_orders(deployment: Deployment) -> AsyncIterator[Membership]:
    """A member of the group of a deployment that has three records in each of its partitions."""
    async with AIOKafkaProducer(bootstrap_servers=deployment.servers) as producer:
        for number in range(9):
            await producer.send_and_wait(deployment.topics.orders.name, b"{}", b"k", partition=number % 3)
    async with member_of(deployment) as joined:
        yield joined.membership


@asynccontextmanager
async def transactions_of(deployment: Deployment, name: str = "test") -> AsyncIterator[Transactions]:
    """What commits work in the name of a worker."""
    settings = deployment.settings
    transactions = Transactions(settings.kafka, settings.app_id, f"{settings.app_id}-{name}")
    await transactions.start()
    try:
        yield transactions
    finally:
        await transactions.stop()


def work_of(deployment: Deployment, *values: bytes, partition: int = 0, offset: int = 1) -> Work:
    """Transitions with these values, and an offset of the orders that they follow from."""
    topics = deployment.topics
    work = Work()
    work.put(topics.transitions.name, partition, [(b"c", value, []) for value in values])
    work.offsets[topics.orders.name, partition] = offset
    return work


async def committed(deployment: Deployment) -> dict[int, int]:
    """The offsets of orders that the group has committed, by partition."""
    settings, orders = deployment.settings, deployment.topics.orders
    places = [(orders.name, number) for number in range(orders.partitions)]
    found = await asyncio.to_thread(stable_offsets, settings.kafka, settings.app_id, places)
    return {number: offset for (_, number), offset in found.items()}


async def values_in(
    deployment: Deployment, topic: str, partition: int = 0, patience: float = PATIENCE
) -> list[bytes]:
    """The committed values of a partition."""
    found = await committed_records(deployment.servers, topic, [partition], patience)
    return [record.value for record in found[partition]]
