"""A producer of aiokafka's that says who commits, and that is told of a transaction before it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.producer.transaction_manager import TransactionState

from stream_rfm.stream.direct_produce import DirectProduce
from stream_rfm.stream.offset_commit import FencedSender, Membership

_GIVE_UP_SECONDS = 1.0


class FencedProducer(AIOKafkaProducer):
    """A transactional producer that commits offsets with the group's generation."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        plain: Any = self._sender
        self._sender: Any = FencedSender(
            self.client,
            acks=plain._acks,  # noqa: SLF001 - the same sender, but for its offsets
            txn_manager=self._txn_manager,
            message_accumulator=self._message_accumulator,
            retry_backoff_ms=arguments["retry_backoff_ms"],
            request_timeout_ms=self._request_timeout_ms,
        )
        #: Sends record batches.
        self.direct = DirectProduce(self._sender, self._request_timeout_ms)

    async def give_up(self) -> None:
        """Stop at once, without waiting for anything that is still to be sent."""
        self._closed = True
        with suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(self._sender.close(), _GIVE_UP_SECONDS)
        await self.client.close()
        # Seen by commit() mostly, but where it ended by another error asyncio would say that nobody looked.
        _ = self.failure

    @property
    def failure(self) -> BaseException | None:
        """What the transaction in hand has failed with, if it has."""
        waiter = self._txn_manager._transaction_waiter  # noqa: SLF001 - aiokafka keeps it there
        failed = waiter is not None and waiter.done() and not waiter.cancelled()
        return waiter.exception() if failed else None

    def join(self, membership: Membership) -> None:
        """Say in whose name offsets are committed from now on."""
        self._sender.membership = membership

    def begin_ahead(self, places: Iterable[tuple[str, int]], group: str) -> bool:
        """Begin a transaction, and have Kafka told of partitions and of the group before anything is sent.

        Returns:
            Whether it was begun: not after an error, which whoever sends something is told of.
        """
        manager = self._txn_manager
        if manager.state != TransactionState.READY:
            return False
        manager.begin_transaction()
        for place in places:
            manager.maybe_add_partition_to_txn(TopicPartition(*place))
        self._sender.group_ahead = group
        return True
