"""The current segment of every customer in Redis: after the commit, coalesced, never older over newer.

Redis is a cache. Rows wait as marks, not as values, so that an outage costs no memory; what a mark stands
for is read when it is sent, after the commit that it belongs to. Behind the rows of a partition goes its
watermark: how far the changelog had been written when they were taken. After a restart only what is younger
than the watermark is sent again. If it is not there, or not as we left it (a new Redis, a wiped one,
a replica that had missed something), all is (``docs/decisions/0010-redis-cache.md``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from stream_rfm.model.arrays import Ints
from stream_rfm.serve.marks import PARTITION_KEY, Documents, Held, Marks, Send, Watermark, held_by
from stream_rfm.serve.metrics import Metrics
from stream_rfm.settings import RedisSettings

log = logging.getLogger(__name__)

_BUFFERED = 4
_LONGEST_PAUSE = 5.0
# How often to see whether the watermarks are still there, seconds.
_LOOK_SECONDS = 5.0

# KEYS: customers. ARGV: their values, then 1 where another deployment's are replaced. An older revision never
# overwrites a newer one; an empty value is an erased customer.
_WRITE = """
local replaces = ARGV[#KEYS + 1] == '1'
for i, key in ipairs(KEYS) do
  local value = ARGV[i]
  if value == '' then
    redis.call('DEL', key)
  else
    local old = not replaces and redis.call('GET', key)
    if not old or cmsgpack.unpack(old).revision <= cmsgpack.unpack(value).revision then
      redis.call('SET', key, value)
    end
  end
end
"""

# KEYS: a partition. ARGV: its new watermark; the one that must be there, or nothing where any may be.
_ADVANCE = """
local old = redis.call('GET', KEYS[1])
if ARGV[2] ~= '' and old ~= ARGV[2] and old ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""


class SegmentCache:
    """Writes segments to Redis in the background."""

    def __init__(
        self, settings: RedisSettings, app_id: str, metrics: Metrics, on_room: Callable[[], None]
    ) -> None:
        """Prepare to write.

        Args:
            app_id: the deployment whose customers these are.
            settings: where Redis is and how long to wait for it.
            metrics: where to count.
            on_room: called when there is room for :meth:`collect` again.
        """
        seconds = settings.timeout_seconds
        self._redis = Redis.from_url(
            settings.url.get_secret_value(),
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
        )
        self._write = self._redis.register_script(_WRITE)
        self._advance = self._redis.register_script(_ADVANCE)
        self._app_id = app_id
        self._metrics = metrics
        self._on_room = on_room
        self._partitions: dict[int, Marks] = {}
        self._sends: deque[Send] = deque()
        self._arrived = asyncio.Event()
        self._failures = 0

    async def held(self, partition: int) -> Held | None:
        """What Redis says that it holds of a partition, if it says so."""
        try:
            value: Any = await self._redis.get(_key(partition))
        except (RedisError, OSError):
            return None
        return None if value is None else held_by(value)

    def adopt(
        self,
        partition: int,
        documents: Documents,
        everybody: Callable[[], Ints],
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
            everybody: gives all its rows.
            rows: those that Redis may not hold.
            erased: ids of customers that Redis may still hold.
            held: what Redis says that it holds of it, where that can be relied on.
            replaces: whether what Redis holds is of another changelog, so that its revisions mean nothing.
        """
        adopted = Marks(documents, everybody, held.value if held else b"", replaces=replaces)
        adopted.mark(rows)
        adopted.erased = list(erased)
        self._partitions[partition] = adopted

    def release(self, partition: int) -> None:
        """Let a partition go; its new owner writes what is still marked, or waits to be sent."""
        self._partitions.pop(partition, None)
        self._sends = deque(send for send in self._sends if send.partition != partition)

    def note(self, partition: int, rows: Ints, erased: list[bytes], watermark: Watermark) -> None:
        """Mark what a commit has changed."""
        known = self._partitions.get(partition)
        if known is not None:
            known.mark(rows)
            known.erased += erased
            known.watermark = watermark

    def collect(self) -> None:
        """Read what marked rows say now; to be called while state is as it was last committed."""
        for number, partition in self._partitions.items():
            while len(self._sends) < _BUFFERED and (partition.pending or partition.watermark):
                self._sends.append(partition.take(number))
        self._metrics.cache_pending.set(sum(partition.pending for partition in self._partitions.values()))
        if self._sends:
            self._arrived.set()

    @property
    def has_more(self) -> bool:
        """Whether :meth:`collect` would do anything."""
        return len(self._sends) < _BUFFERED and any(
            partition.watermark or partition.pending for partition in self._partitions.values()
        )

    async def run(self) -> None:
        """Send until cancelled; while Redis is away, try again ever more slowly."""
        looked_at = time.monotonic()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), _LOOK_SECONDS)
            self._arrived.clear()
            while self._sends:
                send = self._sends[0]
                if await self._done(self._send, send):
                    # In the meantime its partition may have been let go, and its sends with it.
                    if self._sends and self._sends[0] is send:
                        self._sends.popleft()
                    self._on_room()
                else:
                    await asyncio.sleep(min(_LONGEST_PAUSE, 0.1 * 2 ** min(self._failures, 10)))
            if time.monotonic() - looked_at > _LOOK_SECONDS:
                looked_at = time.monotonic()
                await self._done(self._look)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _look(self) -> None:
        """See whether the watermarks are as we left them: what is gone took the customers with it."""
        known = {number: each.written for number, each in self._partitions.items() if each.written}
        if not known:
            return
        values: list[Any] = await self._redis.mget([_key(number) for number in known])
        for (number, written), value in zip(known.items(), values, strict=True):
            partition = self._partitions.get(number)
            # What was written while the answer was under way is for the next look.
            if value == written or partition is None or partition.written != written:
                continue
            found = None if value is None else held_by(value)
            if found is not None and found.app_id not in {None, self._app_id}:
                log.error(
                    "another deployment writes to this redis: give each a database of its own",
                    extra={"partition": number, "app_id": found.app_id},
                )
                continue
            self._begin_anew(number, partition)

    def _begin_anew(self, number: int, partition: Marks) -> None:
        log.warning("redis does not hold what was written to it; writing all", extra={"partition": number})
        partition.begin_anew()
        if partition.watermark is None:
            partition.watermark = partition.last_watermark
        self._on_room()

    async def _send(self, send: Send) -> None:
        partition = self._partitions.get(send.partition)
        if send.keys:
            replaces = "1" if partition is not None and partition.replaces else "0"
            await self._write(keys=send.keys, args=[*send.values, replaces])
            self._metrics.cache_writes.inc(len(send.keys))
        if send.watermark is None or partition is None:
            return
        value = send.watermark.encode()
        partition.last_watermark = send.watermark
        if await self._advance(keys=[_key(send.partition)], args=[value, partition.written]):
            partition.written = value
            partition.replaces = False
        else:
            self._begin_anew(send.partition, partition)

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
        if self._failures:
            log.info("redis is back", extra={"failed_attempts": self._failures})
        self._failures = 0
        return True


def _key(partition: int) -> bytes:
    return PARTITION_KEY + str(partition).encode()
