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
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from redis.exceptions import RedisError

from stream_rfm.model.arrays import Ints
from stream_rfm.serve.marks import Documents, Marks, Send, Watermark
from stream_rfm.serve.metrics import Metrics
from stream_rfm.serve.redis_calls import Held, RedisCalls, end_if_cancelled, held_by
from stream_rfm.serve.sampling import Sample, sample_of
from stream_rfm.settings import RedisSettings

log = logging.getLogger(__name__)

# Calls that may wait to be made: some megabytes.
_BUFFERED = 24
# How long the event loop may be held to read values, in seconds of this thread's work.
_LONGEST_HOLD = 0.005
# What part of the time is for reading values. Sending takes twice as much again.
_SHARE = 0.1
# The longest time that counts for that, seconds: after a pause there is no more to be had.
_LONGEST_SINCE = 2.0
_LONGEST_PAUSE = 5.0
# How often to see whether the stamps are still there, seconds.
_LOOK_SECONDS = 5.0
# After a call that was refused, seconds: two who believe that a partition is theirs do not chase each other.
_REFUSED_PAUSE = 1.0


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
        self._app_id = app_id
        self._metrics = metrics
        self._on_room = on_room
        self._partitions: dict[int, Marks] = {}
        self._sends: deque[Send | Sample] = deque()
        self._arrived = asyncio.Event()
        self._failures = 0
        self._writer = uuid.uuid4().hex[:16]
        self._stamped = 0
        self._turn = 0
        self._collected_at = self._looked_at = self._sampled_at = time.monotonic()
        self._sample_seconds = settings.sample_seconds
        self._random = np.random.default_rng()

    async def held(self, partitions: list[int]) -> dict[int, Held]:
        """What Redis says that it holds of partitions, where it says so, and does so soon."""
        # Where it is away it says nothing, and orders do not wait until that is certain.
        return {} if self._failures else await self._calls.held(partitions)

    def adopt(
        self,
        partition: int,
        documents: Documents,
        count: Callable[[], int],
        rows: Ints,
        erased: list[bytes],
        held: Held | None = None,
        *,
        replaces: bool = False,
    ) -> None:
        """Take a partition over.

        Args:
            partition: its number.
            documents: reads its rows.
            count: says how many rows there are.
            rows: those that Redis may not hold.
            erased: ids of customers that Redis may still hold.
            held: what Redis says that it holds of it, where that can be relied on.
            replaces: whether what Redis holds is of another changelog, so that its revisions mean nothing.
        """
        self.release(partition)
        adopted = Marks(documents, count, replaces=replaces)
        if held is not None:
            adopted.written, adopted.reached = held.value, held.watermark
        adopted.backlog.add(rows)
        adopted.erase(erased)
        self._partitions[partition] = adopted

    def release(self, partition: int) -> None:
        """Let a partition go; its new owner writes what is still marked, or waits to be sent."""
        self._partitions.pop(partition, None)
        self._sends = deque(send for send in self._sends if send.partition != partition)

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
        started = time.monotonic()
        budget = _SHARE * min(_LONGEST_SINCE, started - self._collected_at)
        self._collected_at = started
        numbers = list(self._partitions)
        self._turn = (self._turn + 1) % max(1, len(numbers))
        turns = [(n, self._partitions[n]) for n in numbers[self._turn :] + numbers[: self._turn]]
        if started - self._sampled_at > self._sample_seconds > 0:
            self._sampled_at = started
            self._collect_sample(turns)
        spent, since = 0.0, time.thread_time()
        for send in self._taken(turns):
            self._sends.append(send)
            self._arrived.set()
            worked = time.thread_time() - since
            if spent + worked > budget:
                break
            if worked > _LONGEST_HOLD:
                await asyncio.sleep(0)
                spent, since = spent + worked, time.thread_time()
        self._metrics.cache_pending.set(sum(partition.pending for _, partition in turns))

    @property
    def has_more(self) -> bool:
        """Whether :meth:`collect` would do anything."""
        return self._has_room and any(
            partition.watermark or partition.pending for partition in self._partitions.values()
        )

    async def run(self) -> None:
        """Send until cancelled; while Redis is away, try again ever more slowly."""
        while True:
            with suppress(TimeoutError):
                # Not wait_for: what cancels it at the moment in which it ends would be lost.
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._arrived.wait()
            self._arrived.clear()
            while self._sends:
                # One that failed may have left its stamp all the same: it is made again first.
                if await self._make_first():
                    await self._look_if_due()
            await self._look_if_due()

    async def close(self) -> None:
        """Close the connections."""
        await self._calls.close()

    @property
    def _has_room(self) -> bool:
        return len(self._sends) < _BUFFERED

    def _has(self, number: int, partition: Marks) -> bool:
        """Whether a partition is still the one that it was before something was waited for."""
        return self._partitions.get(number) is partition

    def _taken(self, turns: list[tuple[int, Marks]]) -> Iterator[Send]:
        for number, partition in turns:
            while self._has(number, partition) and partition.has_news and self._has_room:
                yield partition.take(number)
        for number, partition in turns:
            while self._has(number, partition) and partition.backlog and self._has_room:
                yield partition.take(number)

    def _collect_sample(self, turns: list[tuple[int, Marks]]) -> None:
        """Take a sample of one partition; it waits behind the calls that make it true."""
        known = [turn for turn in turns if turn[1].written]
        # One at a time: a second would find again what the first has found.
        if known and self._has_room and not any(isinstance(send, Sample) for send in self._sends):
            self._sends.append(sample_of(*known[self._random.integers(len(known))], self._random))
            self._arrived.set()

    async def _make_first(self) -> bool:
        """Whether the first call could be made."""
        send = self._sends[0]
        if await self._done(self._compare if isinstance(send, Sample) else self._send, send):
            # In the meantime its partition may have been let go, and its sends with it.
            if self._sends and self._sends[0] is send:
                self._sends.popleft()
            self._on_room()
            return True
        # When Redis is back, what has changed last is to be found there first.
        for partition in self._partitions.values():
            partition.postpone()
        await asyncio.sleep(min(_LONGEST_PAUSE, 0.1 * 2 ** min(self._failures, 10)))
        return False

    async def _look_if_due(self) -> None:
        if time.monotonic() - self._looked_at > _LOOK_SECONDS:
            self._looked_at = time.monotonic()
            await self._done(self._look)

    async def _look(self) -> None:
        """See whether the stamps are as we left them: what is gone took the customers with it."""
        known = {number: each for number, each in self._partitions.items() if each.written}
        if not known:
            return
        stamps = await self._calls.stamps(list(known))
        for (number, partition), stamp in zip(known.items(), stamps, strict=True):
            if stamp == partition.written or not self._has(number, partition):
                continue
            found = None if stamp is None else held_by(stamp).watermark
            if found is not None and found.app_id != self._app_id:
                log.error(
                    "another deployment writes to this redis: give each a database of its own",
                    extra={"partition": number, "app_id": found.app_id},
                )
                continue
            self._begin_anew(number, partition)

    def _begin_anew(self, number: int, partition: Marks) -> None:
        log.warning("redis does not hold what was written to it; writing all", extra={"partition": number})
        for send in reversed(self._sends):
            if isinstance(send, Send) and send.partition == number:
                partition.take_back(send)
        partition.begin_anew()
        self._sends = deque(send for send in self._sends if send.partition != number)
        self._on_room()

    async def _send(self, send: Send) -> None:
        partition = self._partitions[send.partition]
        reached = send.watermark or partition.reached or Watermark(0, 0, 0, 0, self._app_id)
        if not send.stamp:
            self._stamped += 1
            send.stamp = reached.stamped(self._writer, self._stamped)
        if not await self._calls.write(send, partition.written):
            await self._refused(send.partition, partition)
            return
        self._metrics.cache_writes.inc(len(send.keys))
        partition.written = send.stamp
        if send.watermark is not None:
            partition.reached = send.watermark
            partition.replaces = False

    async def _refused(self, number: int, partition: Marks) -> None:
        # What took this partition's stamp most likely took others', too.
        await self._look()
        if partition.written and self._has(number, partition):
            self._begin_anew(number, partition)
        await asyncio.sleep(_REFUSED_PAUSE)

    async def _compare(self, sample: Sample) -> None:
        partition = self._partitions[sample.partition]
        stamp, values = await self._calls.values(sample.partition, sample.keys)
        if stamp != partition.written or not self._has(sample.partition, partition):
            # Somebody else's partition by now, or a wiped one: that is for the next look.
            return
        self._metrics.cache_sampled.inc(len(sample.keys))
        differing = sample.differing(values)
        if differing:
            self._metrics.cache_divergent.inc(differing)
            partition.suspect.add(sample.rows)
            log.warning(
                "redis holds other values than were written to it; writing those found again",
                extra={"partition": sample.partition, "customers": differing},
            )

    async def _done(self, call: Callable[..., Awaitable[None]], *arguments: Any) -> bool:
        """Whether Redis took it."""
        try:
            await call(*arguments)
        except (RedisError, OSError) as error:
            self._metrics.cache_errors.inc()
            self._failures += 1
            if self._failures == 1:
                log.warning("redis is away; scoring goes on", extra={"error": type(error).__name__})
            return False
        finally:
            end_if_cancelled()
        if self._failures:
            log.info("redis is back", extra={"failed_attempts": self._failures})
        self._failures = 0
        return True
