"""Record batches of a transaction, sent by as few requests as there are leaders.

aiokafka's producer gathers records of many senders, and so has each batch wait in a queue of its partition,
with a future and a lifetime of its own: twenty microseconds, four times over, for each of the two hundred
batches that a transaction of 64 partitions has. Here they are all there, and all are waited for.

What was not answered is not sent again: whoever does not hear gives the producer up
(``docs/decisions/0003-one-writer-one-transaction.md``).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition, errors

from stream_rfm.stream.flat_produce import FlatProduceRequest
from stream_rfm.stream.sent_once import NotAnsweredError

#: Topic and partition.
Place = tuple[str, int]

# What one request carries of record batches, bytes, whatever there is: the broker's limit is 100 MB.
_REQUEST_BYTES = 16 << 20
_LARGEST_SEQUENCE = 2**31 - 1
# Nothing was written, as the leader has moved or does not have its followers, or its coordinator.
_NOT_WRITTEN = frozenset(
    kind.errno
    for kind in (
        errors.UnknownTopicOrPartitionError,
        errors.LeaderNotAvailableError,
        errors.NotLeaderForPartitionError,
        errors.NotEnoughReplicasError,
    )
)


class DirectProduce:
    """Sends batches in the transaction that a producer is in."""

    def __init__(self, sender: Any, timeout_ms: int) -> None:
        """Prepare.

        Args:
            sender: a producer's :class:`~stream_rfm.stream.offset_commit.FencedSender`.
            timeout_ms: how long a broker may wait for its followers.
        """
        self._sender = sender
        self._client = sender.client
        self._manager = sender._txn_manager  # noqa: SLF001 - aiokafka keeps it there
        self._timeout_ms = timeout_ms

    async def send(self, batches: Mapping[Place, Sequence[Any]]) -> dict[Place, int]:
        """Send closed batches, those of a partition one after the other.

        Args:
            batches: at least one for each place.

        Returns:
            For each place the offset behind the last record.

        Raises:
            KafkaError: some were refused, or nobody knows.
        """
        for place in batches:
            # Known mostly; one that is not there is an error, after a while.
            await self._client._wait_on_metadata(place[0])  # noqa: SLF001 - as aiokafka's producer does
            self._manager.maybe_add_partition_to_txn(TopicPartition(*place))
        await self._sender.until_added()
        ends: dict[Place, int] = {}
        waiting = {place: deque(some) for place, some in batches.items()}
        ready: dict[Place, Any] = {}
        while waiting:
            for place, base in (await self._send_first(waiting, ready)).items():
                batch = waiting[place].popleft()
                self._count(TopicPartition(*place), batch.record_count())
                ends[place] = base + batch.record_count()
                del ready[place]
                if not waiting[place]:
                    del waiting[place]
        return ends

    def _count(self, place: TopicPartition, records: int) -> None:
        """Say where the next batch begins. Behind 2³¹ Kafka begins at 0 again, and aiokafka below it."""
        numbers = self._manager._sequence_numbers  # noqa: SLF001 - aiokafka keeps them there
        numbers[place] = (numbers[place] + records) & _LARGEST_SEQUENCE

    async def _send_first(
        self, waiting: Mapping[Place, Sequence[Any]], ready: dict[Place, Any]
    ) -> dict[Place, int]:
        """Send the first batch of places, as far as requests carry them.

        Args:
            waiting: batches, by their places.
            ready: bytes of first ones that were not written when they were sent before; and of these.

        Returns:
            For each place that something was written to, its first offset.
        """
        requests, leaderless = self._requests(waiting, ready)
        answers = await asyncio.gather(*(self._ask(node, request) for node, request in requests.items()))
        written, refused = {}, leaderless or _NOTHING in answers
        for topic, partitions in (topic for answer in answers for topic in answer.topics):
            for partition, code, base, *_ in partitions:
                if not code:
                    written[topic, partition] = base
                elif code in _NOT_WRITTEN:
                    refused = True
                else:
                    raise errors.for_code(code)(f"{topic}, partition {partition}")
        if refused:
            # It may have another leader by now; ask for it, and not all the time.
            await self._client.force_metadata_update()
            await asyncio.sleep(self._sender._retry_backoff)  # noqa: SLF001 - aiokafka keeps it there
        return written

    def _requests(
        self, waiting: Mapping[Place, Sequence[Any]], ready: dict[Place, Any]
    ) -> tuple[dict[int, FlatProduceRequest], bool]:
        """A request for each leader, and whether there are places without one."""
        found: defaultdict[int, defaultdict[str, list[tuple[int, Any]]]]
        found, leaderless, total = defaultdict(lambda: defaultdict(list)), False, 0
        for (topic, partition), batches in waiting.items():
            place = TopicPartition(topic, partition)
            leader = self._client.cluster.leader_for_partition(place)
            if leader is None or leader == -1:
                leaderless = True
                continue
            data = ready.get((topic, partition)) or self._data_of(place, batches[0])
            ready[topic, partition] = data
            if total and total + len(data) > _REQUEST_BYTES:
                break
            total += len(data)
            found[leader][topic].append((partition, data))
        requests = {
            leader: FlatProduceRequest(
                transactional_id=self._manager.transactional_id,
                required_acks=-1,
                timeout=self._timeout_ms,
                topics=list(topics.items()),
            )
            for leader, topics in found.items()
        }
        return requests, leaderless

    def _data_of(self, place: TopicPartition, batch: Any) -> Any:
        """A batch as it goes over the wire, in the producer's name."""
        manager = self._manager
        batch._set_producer_state(  # noqa: SLF001 - as aiokafka does
            manager.producer_id, manager.producer_epoch, manager.sequence_number(place)
        )
        return batch._build()  # noqa: SLF001 - as aiokafka does

    async def _ask(self, node: int, request: FlatProduceRequest) -> Any:
        try:
            return await self._client.send(node, request)
        except errors.NodeNotReadyError:
            # There was no connection to send it by.
            return _NOTHING
        except errors.KafkaError as error:
            raise NotAnsweredError(f"records were not answered: {type(error).__name__}") from error


class _Nothing:
    """The answer to a request that was not sent."""

    topics = ()


_NOTHING = _Nothing()
