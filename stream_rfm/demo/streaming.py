"""Sends the orders, follows what comes out of them, and sees in the end that everything agrees."""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from stream_rfm.client import CustomerSegment, Freshness, SegmentReader, TransitionSubscriber
from stream_rfm.configured import rules_of
from stream_rfm.demo import cdnow, reach, story
from stream_rfm.demo.agreement import disagreement
from stream_rfm.demo.board import Board
from stream_rfm.demo.errors import DemoError
from stream_rfm.demo.stage import Stage
from stream_rfm.demo.summary import Summary
from stream_rfm.kafka.connection import for_kafka_python
from stream_rfm.kafka.feed import Feed
from stream_rfm.kafka.topics import topics_of
from stream_rfm.model import instant
from stream_rfm.offline import orders_file
from stream_rfm.stream.export import Export

_POLL_SECONDS = 0.1
_AT_ONCE = 2_000
_READ_METRICS_SECONDS = 0.25
_STALLED_SECONDS = 60.0
# What is committed has been told within milliseconds, and is in the cache a little later.
_AGREE_SECONDS = 20.0
_UNTIL = datetime.fromtimestamp(cdnow.UNTIL / instant.SECOND, UTC)

T = TypeVar("T")


class Streaming:
    """One run of all orders.

    Args:
        stage: what is up.
        show: told of the board, several times a second.
    """

    def __init__(self, stage: Stage, show: Callable[[Board], None]) -> None:
        self._stage = stage
        self._settings = stage.deployment.settings
        self._show = show
        self._metrics_read = 0.0

    def run(self) -> Summary:
        """Stream everything.

        Raises:
            DemoError: nothing happens any more, or what comes out is not the same everywhere.
            ServiceError: the worker or a service has ended by itself.
            OrdersWriterError: orders could not be delivered.
            ExportError: the state could not be exported.
            SubscriptionError: Kafka does not answer.
            RedisError: the cache does not answer.
        """
        settings = self._settings
        rules = rules_of(settings)
        connection = for_kafka_python(settings.kafka)
        del connection["bootstrap_servers"]
        with TransitionSubscriber(
            settings.kafka.bootstrap_servers,
            start="earliest",
            topic=topics_of(settings).transitions.name,
            max_poll_records=_AT_ONCE,
            **connection,
        ) as self._transitions:
            self._board = Board(rules.grid.names, cdnow.ORDERS, time.monotonic())
            return asyncio.run(self._run())

    async def _run(self) -> Summary:
        board = self._board
        feed = Feed(self._settings, until=cdnow.UNTIL)
        async with _running(feed.run(orders_file.read(cdnow.FILE))) as feeding:
            while not feeding.done() or board.as_of is None or board.as_of < cdnow.UNTIL:
                await self._look()
                if feeding.done():
                    feeding.result()  # raises what it failed with
        exported = await self._exported()
        redis = self._settings.redis
        with SegmentReader(redis.url.get_secret_value(), redis.timeout_seconds) as reader:
            answer, fresh = await self._agreed(exported, reader)
        return Summary(
            customers=len(exported),
            orders=board.orders,
            transitions=board.transitions,
            segments=board.populated,
            as_of=instant.iso(cdnow.UNTIL),
            seconds=board.seconds,
            moves=board.moves[answer.customer_id],
            answer=answer,
            fresh=fresh,
        )

    async def _look(self) -> bool:
        """Take what there is, and show it; whether there was a transition among it."""
        board, stage = self._board, self._stage
        arrived = await asyncio.to_thread(self._transitions.poll, _POLL_SECONDS)
        board.take(arrived, time.monotonic())
        if time.monotonic() - self._metrics_read > _READ_METRICS_SECONDS:
            metrics = await asyncio.to_thread(stage.worker.metrics)
            now = self._metrics_read = time.monotonic()
            if metrics is not None:
                board.reach(*reach.read(metrics), now)
        stage.check()
        if time.monotonic() - board.changed > _STALLED_SECONDS:
            raise DemoError(
                f"Nothing has been scored for {_STALLED_SECONDS:g} s, after {board.orders:,} of "
                f"{board.total:,} orders. The worker's log says:\n{stage.worker.log.tail()}"
            )
        self._show(board)
        return bool(arrived)

    async def _exported(self) -> dict[str, str]:
        """Every customer's segment, once all partitions have been scored as of the end."""
        file = self._stage.folder / "segments.csv"
        export = Export(self._settings)
        async with _running(export.run(file, cdnow.UNTIL, _STALLED_SECONDS, lambda _: None)) as exporting:
            while not exporting.done():
                await self._look()
        exporting.result()
        with file.open(encoding="utf-8", newline="") as text:
            return {row["customer_id"]: row["segment"] for row in csv.DictReader(text)}

    async def _agreed(
        self, exported: dict[str, str], reader: SegmentReader
    ) -> tuple[CustomerSegment, Freshness]:
        """What the cache says of somebody with a story, once all that is on its way is there and agrees."""
        while await self._look():
            pass  # what has been told is read before anything is compared
        give_up = time.monotonic() + _AGREE_SECONDS
        while True:
            await self._look()
            answers = await asyncio.to_thread(reader.get_many, exported)
            different = disagreement(self._board, exported, answers)
            answer = answers.get(story.protagonist(self._board.moves))
            fresh = answer and reader.freshness(answer)
            if different is None and answer and fresh and fresh.as_of >= _UNTIL:
                return answer, fresh
            if time.monotonic() > give_up:
                raise DemoError(
                    "The demo's results do not agree: "
                    f"{different or f'the cache is not up to date as of {_UNTIL:%Y-%m-%d}.'}"
                )


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Do something meanwhile, and end it before the loop ends, which would take its helpers away first."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
