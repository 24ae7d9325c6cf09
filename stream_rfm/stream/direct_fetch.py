"""What is to be counted, fetched by who counts it.

Faust's consumer has a thread of its own, which its group needs: heartbeats go on whatever is counted. Records
need it not. By way of that thread a fetch cost three and a half milliseconds of one core, of which most were
the two threads waking one another, and aiokafka's and Faust's ways to hand on what had come
(``docs/decisions/0019-direct-fetch.md``).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition, errors
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import READ_COMMITTED
from mode import Service

from stream_rfm.kafka import connection
from stream_rfm.settings import KafkaSettings
from stream_rfm.stream.fetched import WholeBatch, committed_batches
from stream_rfm.stream.flat_fetch import FlatFetchRequest, Part, Place
from stream_rfm.stream.starting import when_there

log = logging.getLogger(__name__)

# What one answer may hold, bytes, as aiokafka's consumers have it.
_MOST_BYTES = 50 << 20
# Before asking again where something went wrong, seconds.
_BACKOFF_SECONDS = 0.1
_OUT_OF_RANGE, _NOT_AUTHORIZED = (
    kind.errno for kind in (errors.OffsetOutOfRangeError, errors.TopicAuthorizationFailedError)
)
# What has to be said; all else is tried again, as a partition may have another leader by now, or none.
_TO_BE_SAID = (0, _OUT_OF_RANGE, _NOT_AUTHORIZED)

# What a partition brought, and the offset it was asked for from.
_Parts = Sequence[tuple[Part, int]]


class DirectFetch(Service):
    """Fetches whole record batches that are committed, one request at a time of each leader."""

    def __init__(self, kafka: KafkaSettings, *, least_bytes: int, most_bytes: int, **service: Any) -> None:
        """Prepare to fetch.

        Args:
            kafka: where the broker is, and how long to wait for it.
            least_bytes: what a broker is to wait for before it answers, but not for longer than ``wait_ms``.
            most_bytes: what it gives of one partition at a time, but for a first batch that is larger.
            service: arguments of :class:`mode.Service`.
        """
        super().__init__(**service)
        #: How long a broker may wait until there is enough, milliseconds.
        self.wait_ms = 0
        self._kafka = kafka
        self._limits = {"least_bytes": least_bytes, "most_bytes_each": most_bytes}
        self._client: AIOKafkaClient | None = None
        self._offsets: dict[Place, int] = {}
        self._ends: dict[Place, int] = {}
        self._asked: dict[int, asyncio.Task[_Parts]] = {}
        # What came of partitions that were held back meanwhile.
        self._held: dict[Place, list[WholeBatch]] = {}
        # Leaders that did not answer, or not with what was asked for.
        self._failing: set[int] = set()

    async def on_start(self) -> None:
        """Connect, as soon as Kafka is there."""
        await when_there(self, self._connect, self._disconnect)

    async def on_stop(self) -> None:
        """Let go of what is under way, and disconnect."""
        self.go_on({})
        await self._disconnect()

    def go_on(self, offsets: Mapping[Any, int]) -> None:
        """Fetch from other offsets, or of other partitions, from now on; what was under way is dropped.

        Args:
            offsets: where to go on, by topic and partition.
        """
        for task in self._asked.values():
            task.cancel()
        self._asked.clear()
        self._held.clear()
        self._ends.clear()
        self._offsets = dict(offsets)
        self._name_topics()

    def end_of(self, place: Any) -> int | None:
        """The offset behind a partition's last record when it was fetched of; ``None`` if it never was."""
        return self._ends.get(place)

    async def take(self, wanted: Collection[Any], seconds: float) -> dict[Any, list[WholeBatch]]:
        """Take what has come, and ask for what comes next.

        Args:
            wanted: partitions to take something of; what comes of others waits until they are.
            seconds: how long to wait for something.

        Returns:
            Batches by topic and partition, as they are in ``wanted``.

        Raises:
            OffsetOutOfRangeError: a topic no longer holds what is to be read next.
            TopicAuthorizationFailedError: it must not be read.
            CorruptRecordException: a batch is not what was written.
        """
        self._ask(wanted)
        if not any(place in self._held for place in wanted):
            if not self._asked:
                # No leader is known, or nothing wanted.
                await asyncio.sleep(min(seconds, _BACKOFF_SECONDS))
                return {}
            await asyncio.wait(self._asked.values(), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            self._read_all()
        found = {place: self._held.pop(place) for place in wanted if place in self._held}
        self._ask(wanted)
        return found

    async def _connect(self) -> None:
        self._client = AIOKafkaClient(
            **connection.for_aiokafka(self._kafka),
            request_timeout_ms=round(self._kafka.request_timeout_seconds * 1000),
        )
        await self._client.bootstrap()
        self._name_topics()

    def _name_topics(self) -> None:
        """Have the client know where what is fetched is."""
        if self._client is not None and self._offsets:
            self._client.set_topics({topic for topic, _ in self._offsets})

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _ask(self, wanted: Collection[Any]) -> None:
        """Ask each leader that is not asked yet for those partitions of which nothing is there."""
        client = self._client
        if client is None:
            return
        of_leader: defaultdict[int, dict[Place, int]] = defaultdict(dict)
        for place, offset in self._in_turn():
            if place not in wanted or place in self._held:
                continue
            leader = client.cluster.leader_for_partition(TopicPartition(*place))
            if leader is None or leader == -1:
                client.force_metadata_update()
            elif leader not in self._asked:
                of_leader[leader][place] = offset
        for leader, offsets in of_leader.items():
            request = FlatFetchRequest(
                offsets,
                wait_ms=self.wait_ms,
                most_bytes=_MOST_BYTES,
                isolation_level=READ_COMMITTED,
                **self._limits,
            )
            self._asked[leader] = asyncio.create_task(self._fetch(client, leader, request))

    def _in_turn(self) -> list[tuple[Place, int]]:
        """Where to go on, beginning anywhere: an answer may be full before the last of them."""
        places = list(self._offsets.items())
        first = random.randrange(len(places)) if places else 0  # noqa: S311 - it is no secret
        return [*places[first:], *places[:first]]

    async def _fetch(self, client: AIOKafkaClient, leader: int, request: FlatFetchRequest) -> _Parts:
        """What a leader answers; nothing, after a while, where it does not."""
        try:
            answer = await client.send(leader, request)
        except errors.KafkaError as error:
            await self._wait(leader, type(error))
            return ()
        codes = [answer.error, *(part.error for part in answer.parts)]
        wrong = [code for code in codes if code not in _TO_BE_SAID]
        if wrong:
            client.force_metadata_update()
            await self._wait(leader, errors.for_code(wrong[0]))
        else:
            self._failing.discard(leader)
        return [(part, request.offsets[part.place]) for part in answer.parts]

    async def _wait(self, leader: int, reason: type[Exception]) -> None:
        """Wait before a leader is asked again; that it is away is said once."""
        if leader not in self._failing:
            self._failing.add(leader)
            log.warning("records were not fetched; trying again", extra={"reason": reason.__name__})
        await asyncio.sleep(_BACKOFF_SECONDS)

    def _read_all(self) -> None:
        """Read what has been answered; what an error keeps from being read is fetched again."""
        for leader in [leader for leader, task in self._asked.items() if task.done()]:
            for part, offset in self._asked.pop(leader).result():
                # It may have been asked of two, while it moved from one to the other.
                if self._offsets.get(part.place) == offset:
                    self._read(part, offset)

    def _read(self, part: Part, offset: int) -> None:
        place = TopicPartition(*part.place)
        if part.error == _OUT_OF_RANGE:
            raise errors.OffsetOutOfRangeError({place: offset})
        if part.error == _NOT_AUTHORIZED:
            raise errors.TopicAuthorizationFailedError(place.topic)
        if part.error:
            return
        self._ends[part.place] = part.end
        batches, self._offsets[part.place] = committed_batches(place, part.data, part.aborted, offset)
        if batches:
            self._held[part.place] = batches
