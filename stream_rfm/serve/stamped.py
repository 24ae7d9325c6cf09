"""Calls to Redis behind the stamps of partitions, by which it is noticed who else wrote, and what is gone.

Each call leaves a stamp of its own, and goes through only where the one before is there still: so two workers
that both believe a partition to be theirs do not mix their customers, and a wiped Redis is written anew
(``docs/decisions/0010-redis-cache.md``).
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping

from stream_rfm.serve.marks import Marks, Send, Watermark
from stream_rfm.serve.metrics import Metrics
from stream_rfm.serve.outbox import Outbox
from stream_rfm.serve.redis_calls import RedisCalls, held_by
from stream_rfm.serve.sampling import Sample

log = logging.getLogger(__name__)

# After a call that was refused, seconds: two who believe that a partition is theirs do not chase each other.
_REFUSED_PAUSE = 1.0


class Stamped:
    """Writes, compares and looks, one call after the other."""

    def __init__(
        self,
        calls: RedisCalls,
        partitions: Mapping[int, Marks],
        outbox: Outbox,
        app_id: str,
        metrics: Metrics,
        on_room: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            calls: to Redis.
            partitions: the marks, by the partitions' numbers.
            outbox: what waits to be sent; begins anew with a partition whose stamp is gone.
            app_id: the deployment whose customers these are.
            metrics: where to count.
            on_room: called when there is more to be collected.
        """
        self._calls = calls
        self._partitions = partitions
        self._outbox = outbox
        self._app_id = app_id
        self._metrics = metrics
        self._on_room = on_room
        self._writer = uuid.uuid4().hex[:16]
        self._stamps = 0

    async def send(self, sends: list[Send]) -> None:
        """Write what waits, each call only where its partition's stamp is the one that was left there.

        Raises:
            redis.RedisError: Redis does not answer in time, or refuses to; calls may have gone through.
        """
        expected = []
        for send in sends:
            partition = self._partitions.get(send.partition)
            if partition is not None:
                stamp = partition.written or await self._begin(send.partition, partition)
                expected.append((send, partition, stamp))
        # In the meantime they may have been let go.
        calls = [each for each in expected if self._outbox.has(each[0].partition, each[1])]
        for send, partition, _ in calls:
            self._stamp(send, partition)
        done = await self._calls.write([(send, expected) for send, _, expected in calls])
        refused = []
        for (send, partition, _), is_written in zip(calls, done, strict=True):
            if not is_written:
                refused.append((send.partition, partition))
                continue
            self._metrics.cache_writes.inc(send.count)
            partition.written, partition.stamped = send.stamp, True
            if send.watermark is not None:
                partition.reached = send.watermark
                partition.replaces = False
        if refused:
            await self._refused(refused)

    async def compare(self, sample: Sample) -> None:
        """See whether Redis holds what was written to it, and mark what it does not.

        Raises:
            redis.RedisError: Redis does not answer in time, or refuses to.
        """
        partition = self._partitions[sample.partition]
        stamp, values = await self._calls.values(sample.partition, sample.keys)
        if stamp != partition.written or not self._outbox.has(sample.partition, partition):
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

    @property
    def has_left_any(self) -> bool:
        """Whether there are stamps to look at: else nobody is asked, and nobody has answered."""
        return any(each.written or each.paused for each in self._partitions.values())

    async def look(self) -> None:
        """See whether the stamps are as we left them: what is gone took the customers with it.

        Raises:
            redis.RedisError: Redis does not answer in time, or refuses to.
        """
        known = {number: each for number, each in self._partitions.items() if each.written or each.paused}
        if not known:
            return
        stamps = await self._calls.stamps(list(known))
        for (number, partition), stamp in zip(known.items(), stamps, strict=True):
            if self._outbox.has(number, partition) and (partition.paused or stamp != partition.written):
                self._stand_by(number, partition, stamp)

    def _stand_by(self, number: int, partition: Marks, stamp: bytes | None) -> None:
        """Write all anew behind a stamp that is not the one left there, unless it is another deployment's."""
        found = None if stamp is None else held_by(stamp).watermark
        foreign = found is not None and found.app_id != self._app_id
        if foreign and not partition.paused:
            log.error(
                "another deployment writes to this redis: give each a database of its own",
                extra={"partition": number, "app_id": found.app_id if found else ""},
            )
            # Once it has gone, what it wrote is replaced: as long as it writes, too, that would have no end.
            self._outbox.begin_anew(number, paused=True)
        elif not foreign:
            self._begin_anew(number)

    def _begin_anew(self, number: int) -> None:
        log.warning("redis does not hold what was written to it; writing all", extra={"partition": number})
        self._outbox.begin_anew(number)
        self._on_room()

    def _stamp(self, send: Send, partition: Marks) -> None:
        send.replaces = send.replaces or partition.replaces
        if not send.stamp:
            self._stamps += 1
            nothing = Watermark(0, 0, 0, 0, self._app_id, replaces=partition.replaces)
            reached = send.watermark or partition.reached or nothing
            send.stamp = reached.stamped(self._writer, self._stamps)

    async def _begin(self, number: int, partition: Marks) -> bytes:
        """The stamp that is there before the first call: nothing may come in between from here on."""
        [stamp] = await self._calls.stamps([number])
        if stamp is None:
            return b""
        # That may not have been known when the partition was taken over, or was known to a worker before.
        found = held_by(stamp).watermark
        if found is None or found.app_id != self._app_id or found.replaces:
            partition.replaces = True
        return stamp

    async def _refused(self, refused: list[tuple[int, Marks]]) -> None:
        # What took this partition's stamp most likely took others', too.
        await self.look()
        for number, partition in refused:
            if self._outbox.has(number, partition) and not (partition.paused or partition.untouched):
                self._begin_anew(number)
        await asyncio.sleep(_REFUSED_PAUSE)
