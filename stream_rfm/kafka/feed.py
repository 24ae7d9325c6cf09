"""Feeds order events into the orders topic, at a chosen pace and up to a chosen instant."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from stream_rfm.kafka.orders_writer import LINGER_SECONDS, OrdersWriter
from stream_rfm.model import instant
from stream_rfm.settings import Settings

_PROGRESS_EACH = 500


@dataclass(slots=True)
class Fed:
    """What a feed has sent.

    Attributes:
        orders: order events sent, heartbeats not among them.
        after: events later than the last instant, left out.
    """

    orders: int = 0
    after: int = 0


class Feed:
    """Sends order events in the order in which they come.

    Args:
        settings: which topic, and where.
        rate: order events per second; as fast as possible when ``None``.
        until: the last instant: later events are left out, and a heartbeat there ends every partition.
        progress: told how many more events have been read.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        rate: float | None = None,
        until: int | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._rate = rate
        self._until = until
        self._progress = progress
        self.fed = Fed()

    async def run(self, documents: Iterable[dict[str, Any]]) -> None:
        """Send everything and wait until it is acknowledged.

        What comes before a document that cannot be read is sent, too.

        Args:
            documents: order events, each with a ``customer_id`` or of type ``heartbeat``.

        Raises:
            KafkaUnavailableError: no broker answers.
            OrdersWriterError: the topic is missing, or something could not be delivered.
        """
        async with OrdersWriter.of(self._settings) as writer:
            try:
                await self._send(documents, writer)
            except Exception:
                await writer.flush()
                raise
            await writer.flush()
            if self._until is not None:
                await writer.put_everywhere({"type": "heartbeat", "ts": instant.iso(self._until)})
                await writer.flush()

    async def _send(self, documents: Iterable[dict[str, Any]], writer: OrdersWriter) -> None:
        start = time.monotonic()
        fed, read = self.fed, 0
        for read, document in enumerate(documents, 1):
            if read % _PROGRESS_EACH == 0:
                self._progress(_PROGRESS_EACH)
            if self._until is not None and _is_after(document.get("ts"), self._until):
                fed.after += 1
            elif document.get("type") == "heartbeat":
                # In a file it is for everybody; behind it each partition goes on in its own order.
                await writer.put_everywhere(document)
            else:
                if self._rate is not None:
                    await self._wait_for(start + fed.orders / self._rate, writer)
                await writer.put(document)
                fed.orders += 1
        self._progress(read % _PROGRESS_EACH)

    @staticmethod
    async def _wait_for(due: float, writer: OrdersWriter) -> None:
        ahead = due - time.monotonic()
        if ahead <= 0:
            return
        if ahead > LINGER_SECONDS:
            await writer.send_open()
        await asyncio.sleep(ahead)


def _is_after(ts: Any, until: int) -> bool:
    """Whether an event is later; one whose time cannot be read is not, and the worker refuses it."""
    try:
        return instant.parse(ts) > until
    except (ValueError, TypeError, OverflowError):
        return False
