"""Faust's aiokafka transport, but an agent gets one message for all that was fetched of its topic at once.

Faust hands records on one at a time through four tasks; handing on what was fetched as a whole costs the
same for thousands, of one partition or of all. Offsets travel in our transactions, so that Faust commits none
(``docs/decisions/0009-kafka-clients.md``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.errors import OffsetOutOfRangeError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from stream_rfm.stream import cancellation
from stream_rfm.stream.breath import Breath
from stream_rfm.stream.event import came
from stream_rfm.stream.fetched import run_of, use_fetched, whole_batches
from stream_rfm.stream.offset_commit import Membership
from stream_rfm.stream.starting import when_there

#: Records of partitions, by their numbers.
Runs = list[tuple[int, Sequence[Any]]]
#: For each partition assigned, the offset to go on from.
Positions = Callable[[], Mapping[TP, int]]

# How long what was fetched may be waited for: a partition that is resumed meanwhile is noticed after it.
_FETCH_SECONDS = 0.1
# A fetch takes the worker a tenth of a millisecond for each partition, whatever it brings. So the broker
# waits until it brings something, but not for long: a partition that is not part of the fetch in flight waits
# for its end, too.
_FETCH_BYTES = 512 << 10
_FETCH_MS, _FETCH_MS_EACH, _MOST_FETCH_MS = 10, 0.5, 30


class CommittedConsumerThread(driver.AIOKafkaConsumerThread):
    """Reads committed records only: reports come out of transactions, and so may orders."""

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - Faust has no setting for it
        consumer._key_deserializer = whole_batches  # noqa: SLF001 - see above
        consumer._fetch_max_wait_ms = _FETCH_MS  # noqa: SLF001 - see above
        consumer._fetch_min_bytes = _FETCH_BYTES  # noqa: SLF001 - see above
        return consumer

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
    positions: Positions
    on_out_of_range: Callable[[], None]

    def on_init(self) -> None:
        """Begin with nothing held back."""
        self._resumed = asyncio.Event()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch of partitions again that were held back."""
        super().resume_partitions(tps)
        self._resumed.set()

    def _new_consumer_thread(self) -> CommittedConsumerThread:
        use_fetched()
        return CommittedConsumerThread(self, loop=self.loop, beacon=self.beacon)

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
        wait = round(min(_MOST_FETCH_MS, max(_FETCH_MS, _FETCH_MS_EACH * len(positions))))
        self._fetcher._fetch_max_wait_ms = wait  # noqa: SLF001 - it is asked for each fetch
        self._reset_by(OffsetResetStrategy.NONE)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let new partitions begin anywhere until it is known where they go on."""
        self._reset_by(OffsetResetStrategy.EARLIEST)
        await super().on_partitions_revoked(revoked)

    def _reset_by(self, strategy: int) -> None:
        self._fetcher._default_reset_strategy = strategy  # noqa: SLF001 - there is no other way

    @property
    def _fetcher(self) -> Any:
        return self._thread._ensure_consumer()._fetcher  # noqa: SLF001 - Faust and aiokafka keep it there

    def membership(self) -> Membership:
        """Who this consumer is in its group, now."""
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - Faust keeps it there
        coordinator = consumer._coordinator  # noqa: SLF001 - aiokafka keeps it there
        return Membership(coordinator.generation, coordinator.member_id, coordinator._group_instance_id)  # noqa: SLF001 - see above

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps are between runs; nothing is acknowledged record by record."""

    def _new_offset(self, tp: TP) -> int | None:
        """No offset for Faust to commit."""
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return None


def transport_of(app: Any, positions: Positions, on_out_of_range: Callable[[], None]) -> driver.Transport:
    """The transport of an app.

    Args:
        app: the Faust app.
        positions: where to go on from after a rebalance.
        on_out_of_range: called where a topic no longer holds what is to be read next; it has to lead to
            another seek.
    """

    class Consumer(BatchConsumer):
        pass

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
        if run := run_of(batches):
            fetched.setdefault(place.topic, []).append((place.partition, run))
        await breath.if_held()
    return fetched


def _message(partition: TP, runs: Runs, generation: int) -> Any:
    last = runs[0][1][-1]
    # Faust's type says bytes, and passes on whatever it is.
    value: Any = runs
    return ConsumerMessage(
        topic=partition.topic,
        partition=partition.partition,
        offset=last.offset,
        timestamp=last.timestamp / 1000,
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
