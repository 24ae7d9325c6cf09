"""The current segment of every customer in Redis: after the commit, coalesced, never older over newer.

Redis is a cache. Rows wait as marks, not as values, so that an outage costs no memory; what a mark stands
for is read when it is sent, after the commit that it belongs to. Behind the rows of a partition goes its
watermark: after a restart only what is younger is sent again. If Redis does not have what was left there,
all is; samples find what else is wrong (``docs/decisions/0010-redis-cache.md``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from stream_rfm.model.arrays import Ints
from stream_rfm.serve.marks import Marks, Send, Table, Watermark
from stream_rfm.serve.metrics import Metrics
from stream_rfm.serve.outbox import Outbox
from stream_rfm.serve.redis_calls import Held, RedisCalls, end_if_cancelled
from stream_rfm.serve.sampling import Sample
from stream_rfm.serve.stamped import Stamped
from stream_rfm.serve.sweeping import Sweeping
from stream_rfm.settings import RedisSettings

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 5.0
# How often to see whether the stamps are still there, seconds.
_LOOK_SECONDS = 5.0
# A watermark tells whom to erase as long as the changelog has their tombstones: a day, of which this is half.
_RELIED_MS = 12 * 3_600_000


class SegmentCache:
    """Writes segments to Redis in the background."""

    def __init__(
        self, settings: RedisSettings, app_id: str, metrics: Metrics, on_room: Callable[[], None]
    ) -> None:
        """Prepare to write.

        Args:
            settings: where Redis is, how long to wait for it, and how often to take samples.
            app_id: the deployment whose customers these are.
            metrics: where to count.
            on_room: called when there is room for :meth:`collect` again.
        """
        self._calls = RedisCalls(settings)
        self._metrics = metrics
        self._on_room = on_room
        self._partitions: dict[int, Marks] = {}
        self._sweeping = Sweeping(self._calls, self._partitions, metrics)
        self._outbox = Outbox(self._partitions, self._sweeping, settings.sample_seconds)
        metrics.cache_pending.set_function(lambda: self._outbox.pending)
        self._stamped = Stamped(self._calls, self._partitions, self._outbox, app_id, metrics, on_room)
        self._failures = 0
        self._looked_at = time.monotonic()

    async def held(self, partitions: list[int]) -> dict[int, Held]:
        """What Redis says that it holds of partitions, where it says so, and does so soon."""
        # Where it is away it says nothing, and orders do not wait until that is certain.
        return {} if self._failures else await self._calls.held(partitions)

    def adopt(
        self,
        partition: int,
        table: Table,
        rows: Ints,
        erased: list[bytes],
        held: Held | None = None,
        *,
        watermark: Watermark | None = None,
        replaces: bool = False,
    ) -> None:
        """Take a partition over.

        Args:
            partition: its number.
            table: its customers.
            rows: those that Redis may not hold.
            erased: ids of customers that Redis may still hold.
            held: what Redis says that it holds of it, where that can be relied on.
            watermark: how far it has come: no commit may come to say so. Nothing before its first one.
            replaces: whether what Redis holds is of another changelog, so that its revisions mean nothing.
        """
        self.release(partition)
        adopted = Marks(table, replaces=replaces, unswept=not _is_young(held))
        if held is not None:
            adopted.written, adopted.reached = held.value, held.watermark
        adopted.backlog.add(rows)
        adopted.erase(erased)
        adopted.watermark = watermark
        self._partitions[partition] = adopted

    def release(self, partition: int) -> None:
        """Let a partition go; its new owner writes what is still marked, or waits to be sent."""
        self._outbox.release(partition)

    def note(self, partition: int, rows: Ints, erased: list[bytes], watermark: Watermark) -> None:
        """Mark what a commit has changed."""
        known = self._partitions.get(partition)
        if known is not None:
            known.changed.add(rows)
            known.erase(erased)
            known.watermark = watermark

    async def collect(self) -> None:
        """Read what marked rows say now; state must be as it was last committed until this is done.

        What has just changed goes before the backlog of an outage or a wipe, and partitions take turns. All
        of it gets a share of the time, whatever a machine does in it, and scoring the rest.
        """
        await self._outbox.collect()

    @property
    def has_more(self) -> bool:
        """Whether :meth:`collect` would do anything."""
        return self._outbox.has_more

    async def run(self) -> None:
        """Send until cancelled; while Redis is away, try again ever more slowly."""
        while True:
            with suppress(TimeoutError):
                # Not wait_for: what cancels it at the moment in which it ends would be lost.
                async with asyncio.timeout(min(_LOOK_SECONDS, self._sweeping.seconds_left)):
                    await self._outbox.arrived.wait()
            self._outbox.arrived.clear()
            while self._outbox.sends:
                # One that failed may have left its stamp all the same: it is made again first.
                if await self._make_first():
                    await self._look_around()
            await self._look_around()

    async def close(self) -> None:
        """Close the connections."""
        await self._calls.close()

    async def _make_first(self) -> bool:
        """Whether the first calls could be made."""
        first = self._outbox.sends[0]
        calls: Sequence[Send | Sample]
        if isinstance(first, Sample):
            calls, done = [first], await self._done(self._stamped.compare, first)
        else:
            calls = sends = self._outbox.first()
            done = await self._done(self._stamped.send, sends)
        if done:
            self._outbox.done(calls)
            self._on_room()
            return True
        # When Redis is back, what has changed last is to be found there first.
        self._outbox.postpone()
        await asyncio.sleep(min(_LONGEST_PAUSE, 0.1 * 2 ** min(self._failures, 10)))
        return False

    async def _look_around(self) -> None:
        """See whether the stamps are still there, and sweep, where either is due."""
        if time.monotonic() - self._looked_at > _LOOK_SECONDS:
            self._looked_at = time.monotonic()
            if self._stamped.has_left_any:
                await self._done(self._stamped.look)
        if self._sweeping.seconds_left <= 0 and await self._done(self._sweeping.read):
            self._on_room()

    async def _done(self, call: Callable[..., Awaitable[None]], *arguments: Any) -> bool:
        """Whether Redis took it."""
        try:
            await call(*arguments)
        except (RedisError, OSError) as error:
            self._metrics.cache_errors.inc()
            self._failures += 1
            if self._failures == 1:
                log.warning("redis is away; scoring goes on", extra={"error": type(error).__name__})
            await self._calls.hang_up()
            return False
        finally:
            end_if_cancelled()
        if self._failures:
            log.info("redis is back", extra={"failed_attempts": self._failures})
        self._failures = 0
        return True


def _is_young(held: Held | None) -> bool:
    """Whether all who were erased since can be told from the changelog."""
    if held is None or held.watermark is None:
        return False
    return time.time() * 1_000 - held.watermark.committed_at < _RELIED_MS
