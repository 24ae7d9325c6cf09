"""The current segment of every customer in Redis: after the commit, coalesced, never older over newer.

Redis is a cache. Rows wait as marks, not as values, so that an outage costs no memory; what a mark stands
for is read when it is sent, after the commit that it belongs to. Behind the rows of a partition goes its
watermark: how far the changelog had been written when they were taken. After a restart only what is younger
than the watermark is sent again; if there is none (a new or a wiped Redis), all is.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec
import numpy as np
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from stream_rfm.model.arrays import Bools, Ints
from stream_rfm.serve.metrics import Metrics
from stream_rfm.settings import RedisSettings

log = logging.getLogger(__name__)

CUSTOMER_KEY = b"rfm:customer:"
PARTITION_KEY = b"rfm:partition:"

# One call sends so many customers; Redis is single-threaded, and half a thousand take it two milliseconds.
_BATCH = 500
_BUFFERED = 4
_LONGEST_PAUSE = 5.0

# KEYS: customers. ARGV: their values. An older revision never overwrites a newer one; an empty value is an
# erased customer.
_WRITE = """
for i, key in ipairs(KEYS) do
  local value = ARGV[i]
  if value == '' then
    redis.call('DEL', key)
  else
    local old = redis.call('GET', key)
    if not old or cmsgpack.unpack(old).revision <= cmsgpack.unpack(value).revision then
      redis.call('SET', key, value)
    end
  end
end
"""

#: Gives customers' ids and what their segment is, for some rows of a partition.
Documents = Callable[[Ints], Iterator[tuple[bytes, dict[str, Any]]]]

_encode = msgspec.msgpack.Encoder().encode


@dataclass(slots=True)
class Watermark:
    """How far a partition had come when its rows were taken.

    Attributes:
        as_of: the instant of the version scored with, in milliseconds.
        committed_at: when the last transaction was committed, in milliseconds since 1970.
        quantiles_version: the version's number.
        offset: the offset behind the changelog.
    """

    as_of: int
    committed_at: int
    quantiles_version: int
    offset: int


@dataclass(slots=True)
class _Partition:
    """Marks of one partition."""

    documents: Documents
    everybody: Callable[[], Ints]
    written: bool = False
    marked: Bools = field(default_factory=lambda: np.zeros(0, bool))
    erased: list[bytes] = field(default_factory=list)
    watermark: Watermark | None = None

    def mark(self, rows: Ints) -> None:
        if not len(rows):
            return
        if (end := int(rows.max()) + 1) > len(self.marked):
            grown = np.zeros(end + end // 2, bool)
            grown[: len(self.marked)] = self.marked
            self.marked = grown
        self.marked[rows] = True

    @property
    def pending(self) -> int:
        return int(self.marked.sum()) + len(self.erased)


@dataclass(frozen=True, slots=True)
class _Send:
    """One call: customers with their values, then perhaps a watermark."""

    partition: int
    keys: list[bytes]
    values: list[bytes]
    watermark: bytes | None


class SegmentCache:
    """Writes segments to Redis in the background."""

    def __init__(self, settings: RedisSettings, metrics: Metrics, on_room: Callable[[], None]) -> None:
        """Prepare to write.

        Args:
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
        self._metrics = metrics
        self._on_room = on_room
        self._partitions: dict[int, _Partition] = {}
        self._sends: deque[_Send] = deque()
        self._arrived = asyncio.Event()
        self._failures = 0

    async def watermark_offset(self, partition: int) -> int | None:
        """The changelog offset up to which Redis holds a partition, if it says so."""
        try:
            value: Any = await self._redis.get(PARTITION_KEY + str(partition).encode())
            return None if value is None else int(msgspec.msgpack.decode(value)["offset"])
        except (RedisError, OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
            return None

    def adopt(
        self,
        partition: int,
        documents: Documents,
        everybody: Callable[[], Ints],
        rows: Ints,
        erased: list[bytes],
    ) -> None:
        """Take a partition over.

        Args:
            partition: its number.
            documents: reads its rows.
            everybody: gives all its rows.
            rows: those that Redis may not hold.
            erased: ids of customers that Redis may still hold.
        """
        adopted = _Partition(documents, everybody)
        adopted.mark(rows)
        adopted.erased = list(erased)
        self._partitions[partition] = adopted

    def release(self, partition: int) -> None:
        """Let a partition go; its new owner writes what is still marked."""
        self._partitions.pop(partition, None)

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
                self._sends.append(self._taken(number, partition))
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
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._sends:
                if await self._sent(self._sends[0]):
                    self._sends.popleft()
                    self._on_room()
                else:
                    await asyncio.sleep(min(_LONGEST_PAUSE, 0.1 * 2 ** min(self._failures, 10)))

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def _look_for_wipe(self, number: int, before: object) -> None:
        """A watermark that we wrote and that is gone took the customers with it: mark them all."""
        partition = self._partitions.get(number)
        if partition is None:
            return
        if before is None and partition.written:
            log.warning("redis was wiped; writing it anew", extra={"partition": number})
            partition.mark(partition.everybody())
        partition.written = True

    def _taken(self, number: int, partition: _Partition) -> _Send:
        erased, partition.erased = partition.erased[:_BATCH], partition.erased[_BATCH:]
        keys = [CUSTOMER_KEY + customer for customer in erased]
        values = [b""] * len(keys)
        rows = np.flatnonzero(partition.marked)[: _BATCH - len(keys)]
        partition.marked[rows] = False
        for customer, document in partition.documents(rows):
            keys.append(CUSTOMER_KEY + customer)
            values.append(_encode(document))
        watermark = None
        if not partition.pending and partition.watermark is not None:
            watermark = _encode(asdict(partition.watermark))
            partition.watermark = None
        return _Send(number, keys, values, watermark)

    async def _sent(self, send: _Send) -> bool:
        try:
            if send.keys:
                await self._write(keys=send.keys, args=send.values)
            if send.watermark is not None:
                key = PARTITION_KEY + str(send.partition).encode()
                self._look_for_wipe(send.partition, await self._redis.set(key, send.watermark, get=True))
        except (RedisError, OSError) as error:
            self._metrics.cache_errors.inc()
            self._failures += 1
            if self._failures == 1:
                log.warning("redis is away; scoring goes on", extra={"error": type(error).__name__})
            return False
        if self._failures:
            log.info("redis is back", extra={"failed_attempts": self._failures})
        self._failures = 0
        self._metrics.cache_writes.inc(len(send.keys))
        return True
