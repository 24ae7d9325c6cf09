"""One Kafka transaction for everything gathered: records of many topics, and the offsets they follow from."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import IllegalOperation, KafkaError, TransactionalIdAuthorizationFailed
from aiokafka.structs import OffsetAndMetadata

from stream_rfm.kafka import connection
from stream_rfm.kafka.rights import RightsError
from stream_rfm.settings import KafkaSettings
from stream_rfm.stream import cancellation
from stream_rfm.stream.batches import BATCH_BYTES, batches_of
from stream_rfm.stream.fenced_producer import FencedProducer
from stream_rfm.stream.offset_commit import Membership
from stream_rfm.stream.work import Work

# Beginning right behind the last transaction meets markers that are still being written: ask again soon.
_RETRY_BACKOFF_MS = 4
# A transaction touches what any of the last so many has touched, most likely.
_LIKELY = 4
# At the end of a worker: as long as a broker that is there may need to end what is open.
_CLOSE_SECONDS = 5.0


class NotCommittedError(Exception):
    """A transaction did not go through, or nobody knows; memory is ahead of the log."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(f"{type(reason).__name__}: {reason}")


class Transactions:
    """Commits work, one transaction at a time."""

    def __init__(self, kafka: KafkaSettings, group: str, transactional_id: str) -> None:
        """Prepare to commit.

        Args:
            kafka: where the broker is, and how long to wait for it.
            group: the consumer group whose offsets are committed.
            transactional_id: a name of this worker alone; whoever takes it later fences it.
        """
        self._kafka = kafka
        self._group = group
        self._id = transactional_id
        self._producer: FencedProducer | None = None
        #: Whether the last transaction may still be open.
        self._in_doubt = False
        #: Whether one has been begun that :meth:`commit` goes on with.
        self.is_begun = False
        # Offsets that are on their way while the records of that transaction are still being made.
        self._ahead: asyncio.Task[None] | None = None
        # Those of its records that are, and where to: the last of the parts sent, each behind the one before.
        self._parts: asyncio.Task[dict[tuple[str, int], int]] | None = None
        self._places: frozenset[tuple[str, int]] = frozenset()
        # What the last ones have written to.
        self._written: deque[frozenset[tuple[str, int]]] = deque(maxlen=_LIKELY)

    def begin(self, partitions: Collection[int]) -> None:
        """Begin the next transaction while what it will hold is still in the making.

        Kafka has to know what a transaction touches before that is written. It takes two of the four ways to
        Kafka and back, one after the other, that a commit takes. What was touched lately mostly is again;
        where it is not, there is a marker more.

        Args:
            partitions: those that something is going to be written of.
        """
        places = [place for place in frozenset().union(*self._written) if place[1] in partitions]
        if self._producer is not None and places and not self.is_begun:
            self.is_begun = self._producer.begin_ahead(places, self._group)
            self._in_doubt = self._in_doubt or self.is_begun

    def send_offsets(self, offsets: Mapping[tuple[str, int], int], membership: Membership) -> None:
        """Send the offsets of a transaction that was begun, while its records are still in the making.

        Once events are counted it is known how far they go, and whoever is no longer a member is fenced as
        well before as afterwards. It takes Kafka as long as to make the records takes here.

        Args:
            offsets: those of the work that :meth:`commit` will be given.
            membership: in whose name.
        """
        if self._producer is not None and self.is_begun and self._ahead is None:
            self._producer.join(membership)
            self._ahead = asyncio.create_task(self._send_offsets(self._producer, offsets))
            # Where something else fails first nobody asks what became of them.
            self._ahead.add_done_callback(_seen)

    def send_part(self, work: Work) -> None:
        """Send some records of a transaction that was begun, while others are still to be counted.

        Kafka writes them meanwhile. They are committed with what :meth:`commit` is given, which comes behind
        them, or not at all.

        Args:
            work: the records; the transaction's offsets come with the others.

        Raises:
            RuntimeError: no transaction was begun.
        """
        if self._producer is None or not self.is_begun:
            raise RuntimeError("a part was sent of a transaction that was not begun")
        self._places |= work.places
        self._parts = asyncio.create_task(self._send_behind(self._parts, self._producer, work))
        self._parts.add_done_callback(_seen)

    async def start(self) -> None:
        """Make a producer, as soon as Kafka is there; what an earlier one of that name left open is aborted.

        Raises:
            RightsError: the right to use the name is missing.
        """
        async for attempt in connection.until_there():
            with attempt:
                await self._start()

    async def _start(self) -> None:
        self._producer = FencedProducer(
            **connection.for_aiokafka(self._kafka),
            transactional_id=self._id,
            acks="all",
            linger_ms=0,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
            max_batch_size=BATCH_BYTES,
            transaction_timeout_ms=round(self._kafka.transaction_timeout_seconds * 1000),
            request_timeout_ms=round(self._kafka.request_timeout_seconds * 1000),
        )
        try:
            await self._producer.start()
        except TransactionalIdAuthorizationFailed:
            await self.stop()
            right = ("WRITE", "TransactionalId", f"{self._group}-*")
            raise RightsError.of(self._kafka, [right]) from None
        except BaseException:
            await self.stop()
            raise
        self._in_doubt = False

    async def stop(self) -> None:
        """Give the producer up; a transaction that is still open is aborted by the broker."""
        producer, self._producer = self._producer, None
        self.is_begun = False
        for task in (self._ahead, self._parts):
            if task is not None:
                task.cancel()
        self._ahead = self._parts = None
        self._places = frozenset()
        if producer is not None:
            await producer.give_up()

    async def close(self) -> None:
        """Stop for good; who reads behind a transaction that failed shall not wait until it has timed out."""
        if self._in_doubt:
            with suppress(KafkaError, RightsError, TimeoutError):
                await asyncio.wait_for(self.renew(), _CLOSE_SECONDS)
        await self.stop()

    async def renew(self) -> None:
        """Make the producer anew: after an error that leaves open what happened it is never used again."""
        await self.stop()
        await self._start()

    async def commit(self, work: Work, membership: Membership) -> dict[tuple[str, int], int]:
        """Commit work as a whole or not at all.

        Returns:
            For each topic and partition written to, the offset behind the last message.

        Raises:
            NotCommittedError: it was not committed, or nobody knows; :meth:`renew` before the next one.
        """
        try:
            async with asyncio.timeout(self._kafka.transaction_timeout_seconds + 5):
                return await self._commit(work, membership)
        except IllegalOperation as error:
            # The sender has failed in the meantime, and that is the reason.
            failure = self._producer.failure if self._producer is not None else None
            raise NotCommittedError(failure or error) from error
        except (KafkaError, TimeoutError, AssertionError, asyncio.CancelledError) as error:
            if cancellation.is_wanted():
                raise
            raise NotCommittedError(error) from error

    async def _commit(self, work: Work, membership: Membership) -> dict[tuple[str, int], int]:
        producer = self._producer
        if producer is None:
            raise NotCommittedError(RuntimeError("the producer has been stopped"))
        producer.join(membership)
        self._in_doubt = True
        if not self.is_begun:
            await producer.begin_transaction()
        self.is_begun = False
        self._written.append(self._places | work.places)
        offsets, self._ahead = self._ahead or self._send_offsets(producer, work.offsets), None
        parts, self._parts, self._places = self._parts, None, frozenset()
        sending = asyncio.create_task(self._send_behind(parts, producer, work))
        try:
            _, ends = await asyncio.gather(offsets, sending)
        finally:
            # Where the offsets are refused nobody waits for the records.
            sending.cancel()
        await producer.commit_transaction()
        self._in_doubt = False
        return ends

    async def _send_offsets(self, producer: FencedProducer, offsets: Mapping[tuple[str, int], int]) -> None:
        if offsets:
            to_send = {TopicPartition(*place): OffsetAndMetadata(at, "") for place, at in offsets.items()}
            await producer.send_offsets_to_transaction(to_send, self._group)

    async def _send_behind(
        self, before: asyncio.Task[dict[tuple[str, int], int]] | None, producer: FencedProducer, work: Work
    ) -> dict[tuple[str, int], int]:
        """Send records once those before are written, as a partition takes its batches in their order.

        Returns:
            The offset behind the last one of each topic and partition, of all of them.
        """
        ends = {} if before is None else await before
        batches = {place: await batches_of(producer, messages) for place, messages in work.messages.items()}
        batches |= {place: records.batches() for place, records in work.records.items() if records}
        return ends | await producer.direct.send(batches)


def _seen(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
