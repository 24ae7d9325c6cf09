"""Requests of a transaction that are sent once: one that was not answered is not sent again.

Whether it arrived is not known, and it may still arrive: in a later transaction of the same producer, which
it would end or add to (``docs/decisions/0003-one-writer-one-transaction.md``). So the producer is given up;
its successor has another epoch, which the broker tells from this one's. So brokers need not look for it
(``docs/decisions/0018-verified-transactions.md``).
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import errors
from aiokafka.producer.sender import AddOffsetsToTxnHandler, AddPartitionsToTxnHandler, EndTxnHandler

# As long as the markers of a transaction take to be written, more or less.
_MARKERS_SECONDS = 0.004


class NotAnsweredError(errors.KafkaError):
    """Nobody knows what became of a request."""


class SentOnce:
    """For aiokafka's handlers of requests, which would send again whatever happened."""

    group: Any
    _sender: Any

    async def do(self, node_id: int) -> bool:
        """Send the request; says whether it was answered with success. One never sent is sent later."""
        request = self.create_request()  # type: ignore[attr-defined]  # the handler's
        try:
            response = await self._sender.client.send(node_id, request, group=self.group)
        except errors.NodeNotReadyError:
            # There was no connection to send it by; whoever it is for may be another broker by now.
            await asyncio.sleep(self.handle_error())  # type: ignore[attr-defined]  # the handler's
            return False
        except errors.KafkaError as error:
            name = type(request).__name__
            unknown = NotAnsweredError(f"{name} was not answered: {type(error).__name__}")
            self._sender._txn_manager.fatal_error(unknown)  # noqa: SLF001 - aiokafka keeps it there
            return True
        backoff = self.handle_response(response)  # type: ignore[attr-defined]  # the handler's
        if backoff is not None:
            await asyncio.sleep(backoff)
        return backoff is None


class AddPartitionsOnce(SentOnce, AddPartitionsToTxnHandler):
    """Adds partitions to a transaction."""

    def handle_response(self, response: Any) -> float | None:
        """As aiokafka does, but ask again soon: mostly it is the markers of the last one that are written."""
        backoff = super().handle_response(response)
        return None if backoff is None else min(backoff, _MARKERS_SECONDS)


class AddOffsetsOnce(SentOnce, AddOffsetsToTxnHandler):
    """Adds a consumer group to a transaction."""


class EndOnce(SentOnce, EndTxnHandler):
    """Commits or aborts a transaction."""
