"""Writes order events into the orders topic, each partition's in the order in which they are put."""

from __future__ import annotations

import asyncio
import time
from asyncio import Future
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from kafka.partitioner import murmur2

from stream_rfm.kafka.admin import admin_client, partitions_of
from stream_rfm.kafka.connection import for_aiokafka
from stream_rfm.kafka.topics import topics_of
from stream_rfm.settings import Settings

# Large enough that a batch costs little, small enough that all open ones are a few megabytes.
_BATCH_BYTES = 1 << 17
#: Seconds that an order may wait for others to go with.
LINGER_SECONDS = 0.02
_KNOWN_CUSTOMERS = 1 << 18
# A delivery may take so many requests, as with Kafka's own clients: the time that a broker needs to restart.
_PATIENCE = 4

_encode = msgspec.json.encode


class OrdersWriterError(Exception):
    """Orders cannot be written; the message says why and what to do."""


class OrdersWriter:
    """An idempotent producer of whole record batches: a tenth of the time of a client that sends records.

    A partition's next batch goes out when the one before is acknowledged by all replicas in sync. This keeps
    its order, and bounds the memory when Kafka is slower than the caller. An asynchronous context manager.
    """

    def __init__(self, producer: AIOKafkaProducer, topic: str, partitions: int, patience: float) -> None:
        """Prepare to write.

        Args:
            producer: an idempotent one; started and stopped with this.
            topic: where orders go.
            partitions: how many the topic has.
            patience: seconds within which a batch has to be acknowledged.
        """
        self._producer = producer
        self._topic = topic
        self._partitions = partitions
        self._patience = patience
        self._open: dict[int, BatchBuilder] = {}
        self._opened_at = 0.0
        self._sent: dict[int, Future[Any]] = {}
        self._failed = False
        self._partition_of = lru_cache(_KNOWN_CUSTOMERS)(self._hashed)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """A writer for the orders topic of a deployment; has to be called where an event loop runs.

        Raises:
            KafkaUnavailableError: no broker answers.
            OrdersWriterError: there is no such topic.
        """
        topic = topics_of(settings).orders.name
        with admin_client(settings.kafka) as admin:
            partitions = partitions_of(admin, topic)
        if partitions is None:
            raise OrdersWriterError(f"Topic {topic} does not exist: create it with stream-rfm topics create.")
        producer = AIOKafkaProducer(
            enable_idempotence=True,
            max_batch_size=_BATCH_BYTES,
            request_timeout_ms=round(settings.kafka.request_timeout_seconds * 1000),
            **for_aiokafka(settings.kafka),
        )
        return cls(producer, topic, partitions, _PATIENCE * settings.kafka.request_timeout_seconds)

    async def __aenter__(self) -> Self:
        """Connect."""
        try:
            with self._failing_in_a_sentence():
                await self._producer.start()
        except BaseException:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect; what :meth:`flush` was not called for is lost."""
        if self._failed or isinstance(error, asyncio.CancelledError):
            # An idempotent producer of aiokafka tries for ever, and stop() waits for it.
            await self._producer._sender.close()  # noqa: SLF001 - there is no other way to give up
        await self._producer.stop()

    async def put(self, document: Mapping[str, Any]) -> None:
        """Write an order event, keyed by its customer and placed by Kafka's default partitioner.

        Args:
            document: its fields; ``customer_id`` is a text that is not empty.

        Raises:
            OrdersWriterError: an earlier event could not be delivered.
        """
        key = document["customer_id"].encode()
        await self._append(self._partition_of(key), key, _encode(document))
        now = time.monotonic()
        if now - self._opened_at > LINGER_SECONDS:
            self._opened_at = now
            await self.send_open()

    async def put_everywhere(self, document: Mapping[str, Any]) -> None:
        """Write an event that has no customer behind what was put, into every partition.

        Args:
            document: its fields: those of a heartbeat.

        Raises:
            OrdersWriterError: an earlier event could not be delivered.
        """
        value = _encode(document)
        for partition in range(self._partitions):
            await self._append(partition, None, value)

    async def send_open(self) -> None:
        """Send what waits for others to go with, without waiting until it is delivered.

        Raises:
            OrdersWriterError: an earlier event could not be delivered.
        """
        for partition in list(self._open):
            await self._send(partition)

    async def flush(self) -> None:
        """Wait until everything that was put is acknowledged.

        Raises:
            OrdersWriterError: something could not be delivered.
        """
        if self._failed:
            return  # has been said
        await self.send_open()
        with self._failing_in_a_sentence():
            for sent in self._sent.values():
                await self._acknowledged(sent)
        self._sent.clear()

    async def _append(self, partition: int, key: bytes | None, value: bytes) -> None:
        batch = self._open.get(partition)
        if batch is not None and batch.append(timestamp=None, key=key, value=value):
            return
        if batch is not None:
            await self._send(partition)
        batch = self._open[partition] = self._producer.create_batch()
        batch.append(timestamp=None, key=key, value=value)  # a new batch takes any first record

    async def _send(self, partition: int) -> None:
        batch = self._open.pop(partition)
        batch.close()
        with self._failing_in_a_sentence():
            if partition in self._sent:
                await self._acknowledged(self._sent[partition])
            sent = await self._producer.send_batch(batch, self._topic, partition=partition)
        sent.add_done_callback(_look_at)
        self._sent[partition] = sent

    async def _acknowledged(self, sent: Future[Any]) -> None:
        # Not wait_for(), which forgets that it was cancelled when the future is done in the same moment.
        async with asyncio.timeout(self._patience):
            await sent

    @contextmanager
    def _failing_in_a_sentence(self) -> Iterator[None]:
        try:
            yield
        except (KafkaError, TimeoutError) as error:
            self._failed = True
            reason = f"{type(error).__name__} {error.args[0] if error.args else ''}".strip().rstrip(".")
            if isinstance(error, TimeoutError):
                reason = f"no acknowledgement in {self._patience:g} s"
            raise OrdersWriterError(
                f"Orders could not be delivered to topic {self._topic}: {reason}."
            ) from None

    def _hashed(self, key: bytes) -> int:
        return int((murmur2(key) & 0x7FFFFFFF) % self._partitions)


def _look_at(sent: Future[Any]) -> None:
    """See a failure, so that asyncio does not complain of those behind the first, which is told."""
    if not sent.cancelled():
        sent.exception()
