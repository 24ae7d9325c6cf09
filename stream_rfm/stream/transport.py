"""Faust's aiokafka transport, but an agent gets one message for all that was fetched of its topic at once.

Faust hands records on one at a time through four tasks; handing on what was fetched as a whole costs the
same for thousands, of one partition or of all. Offsets travel in our transactions, so that Faust commits none
(``docs/decisions/0009-kafka-clients.md``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from aiokafka.errors import OffsetOutOfRangeError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from stream_rfm.settings import KafkaSettings
from stream_rfm.stream import cancellation
from stream_rfm.stream.breath import Breath
from stream_rfm.stream.direct_fetch import DirectFetch
from stream_rfm.stream.event import came
from stream_rfm.stream.fetched import use_fetched
from stream_rfm.stream.offset_commit import Membership
from stream_rfm.stream.starting import when_there
from stream_rfm.stream.unread import edges_of, run_or_unread, stamp_of

#: Records of partitions, by their numbers.
Runs = list[tuple[int, Sequence[Any]]]
#: For each partition assigned, the offset to go on from.
Positions = Callable[[], Mapping[TP, int]]

# How long what was fetched may be waited for: a partition that is resumed meanwhile is noticed after it.
_FETCH_SECONDS = 0.1
# A fetch takes the worker a millisecond and the broker two, whatever it brings. So the broker waits until it
# brings something, but not for long: a partition that is not part of the fetch in flight waits for its end,
# too.
_FETCH_BYTES = 512 << 10
_FETCH_MS, _FETCH_MS_EACH, _MOST_FETCH_MS = 10, 0.5, 30


class MemberThread(driver.AIOKafkaConsumerThread):
    """Is a member of the group, and fetches nothing."""

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Hold back what was assigned, before anything is fetched of it."""
        consumer = self._ensure_consumer()
        consumer.pause(*consumer.assignment())
        await super().on_partitions_assigned(assigned, generation_id)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust would miss that this thread fetches."""

    async def on_start(self) -> None:
        """Start as soon as Kafka is there."""
        await when_there(self, super().on_start, self._give_up)

    async def _give_up(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def on_thread_stop(self) -> None:
        """Stop, also where a fetch was about to be tried again: its cancellation escapes from aiokafka."""
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            if cancellation.is_wanted():
                raise
            # What aiokafka would have done next. Else the worker would wait for this thread for ever.
            await self._ensure_consumer()._client.close()  # noqa: SLF001 - there is no other way


class WaitingProducer(driver.Producer):
    """Faust's producer, which sends nothing: records go in our transactions. It starts as the others do."""

    async def on_start(self) -> None:
        """Start as soon as Kafka is there."""
        await super(driver.Producer, self).on_start()
        await when_there(self, self._connect, self.on_stop)

    async def _connect(self) -> None:
        self._producer = self._new_producer()
        await self._producer.start()


class BatchConsumer(driver.Consumer):
    """Gives runs of records instead of records."""

    #: Set by :func:`transport_of`.
    kafka: KafkaSettings
    positions: Positions
    on_out_of_range: Callable[[], None]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Begin with nothing held back, and nothing to fetch; the arguments are Faust's."""
        super().__init__(*arguments, **options)
        self._resumed = asyncio.Event()
        self._fetch = DirectFetch(
            self.kafka,
            least_bytes=_FETCH_BYTES,
            most_bytes=self.app.conf.consumer_max_fetch_size,
            loop=self.loop,
            beacon=self.beacon,
        )
        self.add_dependency(self._fetch)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch of partitions again that were held back."""
        super().resume_partitions(tps)
        self._resumed.set()

    def _new_consumer_thread(self) -> MemberThread:
        return MemberThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109 - Faust's name
        """Fetch, and give one message for each topic that something came from."""
        if self.flow_active and not self._get_active_partitions():
            # All of them are held back. Faust would sleep for a second, and the worker with it, once what
            # waits is counted.
            await self._until_resumed()
            return
        try:
            records, _ = await self._wait_next_records(min(timeout, _FETCH_SECONDS))
        except OffsetOutOfRangeError:
            self.on_out_of_range()
            await self.wait(self.suspend_flow.wait())
            return
        generation = self.app.consumer_generation_id
        for topic, runs in (await _by_topic(records or {})).items():
            # What comes while partitions move is read again: the flow starts anew with a seek.
            if self.should_stop or not self.flow_active or self.app.consumer_generation_id != generation:
                break
            # Faust takes it for one of the first of them.
            first = TP(topic, runs[0][0])
            yield first, _message(first, runs, generation)

    async def _until_resumed(self) -> None:
        """Wait until a partition is fetched of again; not for ever, as others may be assigned."""
        self._resumed.clear()
        await came(self._resumed, _FETCH_SECONDS)

    async def perform_seek(self) -> None:
        """Go on from where the state ends, which is not what Faust would ask the group for.

        From here on no position is looked up any more: one that has gone from the topic is said, not passed.
        """
        positions = self.positions()
        await self.seek_wait(positions)
        self._fetch.wait_ms = round(min(_MOST_FETCH_MS, max(_FETCH_MS, _FETCH_MS_EACH * len(positions))))
        self._fetch.go_on(positions)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's name
        return await self._fetch.take(active_partitions or (), timeout)

    def highwater(self, tp: TP) -> int | None:  # type: ignore[override]  # Faust's own has none, too
        """The offset behind the last record of a partition; ``None`` as long as nothing was fetched of it."""
        return self._fetch.end_of(tp)

    def membership(self) -> Membership:
        """Who this consumer is in its group, now."""
        coordinator = self._member._coordinator  # noqa: SLF001 - aiokafka keeps it there
        return Membership(coordinator.generation, coordinator.member_id, coordinator._group_instance_id)  # noqa: SLF001 - see above

    @property
    def _member(self) -> Any:
        return self._thread._ensure_consumer()  # noqa: SLF001 - Faust keeps it there

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps are between runs; nothing is acknowledged record by record."""

    def _new_offset(self, tp: TP) -> int | None:
        """No offset for Faust to commit."""
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return None


def transport_of(
    app: Any, kafka: KafkaSettings, positions: Positions, on_out_of_range: Callable[[], None]
) -> driver.Transport:
    """The transport of an app.

    Args:
        app: the Faust app.
        kafka: where the broker is.
        positions: where to go on from after a rebalance.
        on_out_of_range: called where a topic no longer holds what is to be read next; it has to lead to
            another seek.
    """
    # Those that read state back gain by it, too.
    use_fetched()

    class Consumer(BatchConsumer):
        pass

    Consumer.kafka = kafka
    Consumer.positions = staticmethod(positions)
    Consumer.on_out_of_range = staticmethod(on_out_of_range)

    class Transport(driver.Transport):
        pass

    Transport.Consumer, Transport.Producer = Consumer, WaitingProducer
    return Transport(app.conf.broker, app)


async def _by_topic(records: Mapping[Any, Any]) -> dict[str, Runs]:
    """What was fetched of each topic; of a batch that was compacted nothing may be left."""
    fetched: dict[str, Runs] = {}
    breath = Breath()
    for place, batches in records.items():
        if run := run_or_unread(batches):
            fetched.setdefault(place.topic, []).append((place.partition, run))
        await breath.if_held()
    return fetched


def _message(partition: TP, runs: Runs, generation: int) -> Any:
    run = runs[0][1]
    # Faust's type says bytes, and passes on whatever it is.
    value: Any = runs
    return ConsumerMessage(
        topic=partition.topic,
        partition=partition.partition,
        offset=edges_of(run)[1],
        timestamp=stamp_of(run) / 1000,
        timestamp_type=0,
        headers=[],
        key=b"",
        value=value,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        tp=partition,
        generation_id=generation,
    )
