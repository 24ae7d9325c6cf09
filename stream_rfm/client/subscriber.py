"""Tells of every change of segment, each at least once and each customer's in order."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, Self

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, KafkaError, RebalanceInProgressError

from stream_rfm.client import transition
from stream_rfm.client.transition import SegmentTransition

_POLL_SECONDS = 1.0
_COMMIT_SECONDS = 1.0
_CONNECT_MS = 10_000

# Where a record stood, and the transition in it, if it is one.
_Fetched = tuple[TopicPartition, int, SegmentTransition | None]

_log = logging.getLogger(__name__)


class SubscriptionError(Exception):
    """Transitions cannot be subscribed to; the message says why and what to do."""


class TransitionSubscriber:
    """Iterates over changes of segment; a context manager, for one thread.

    ::

        with TransitionSubscriber("kafka:9092", group="mailing") as transitions:
            for transition in transitions:
                ...

    With a group, several subscribers share the work and go on where the group was. A transition counts as
    processed when the next one is asked for; what was not is delivered again, also to a group that began at
    ``latest``, so that a program which minds should remember ``ce_id``. Without a group every subscriber
    gets everything, and nothing is remembered.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        group: str | None = None,
        start: Literal["latest", "earliest"] = "latest",
        topic: str = "segment-transitions",
        **connection: Any,
    ) -> None:
        """Connect. Without a group, ``latest`` is this moment.

        Args:
            bootstrap_servers: ``host:port``, several with commas between.
            group: the consumer group.
            start: where to begin: where the group is, and if it is new or there is none, here.
            topic: the topic's full name, with the deployment's prefix.
            connection: what else kafka-python's consumer takes: ``security_protocol``, ``ssl_cafile`` …

        Raises:
            SubscriptionError: Kafka does not answer, or there is no such topic.
        """
        self._group = group
        # What was given and is not known to be processed, what is processed and not committed: next offsets.
        self._given: dict[TopicPartition, int] = {}
        self._processed: dict[TopicPartition, int] = {}
        self._waiting: deque[_Fetched] = deque()
        # Where the group is known to have committed something.
        self._begun: set[TopicPartition] = set()
        self._committed_at = time.monotonic()
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=bootstrap_servers.split(","),
                group_id=group,
                auto_offset_reset=start,
                isolation_level="read_committed",
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                **{"bootstrap_timeout_ms": _CONNECT_MS, **connection},
            )
        except (KafkaError, OSError, ValueError) as error:
            raise SubscriptionError(f"Kafka at {bootstrap_servers} does not answer: {error}.") from None
        try:
            self._subscribe(topic, start)
        except BaseException:
            self._consumer.close()
            raise

    def __iter__(self) -> Self:
        """Every transition as it arrives, without end."""
        return self

    def __next__(self) -> SegmentTransition:
        """The next transition, as soon as there is one."""
        self._settle()
        while True:
            while not self._waiting:
                self._waiting.extend(self._fetch(_POLL_SECONDS))
            place, offset, found = self._waiting.popleft()
            if found is not None:
                self._given[place] = offset + 1
                return found
            self._processed[place] = offset + 1

    def poll(self, timeout: float = _POLL_SECONDS) -> list[SegmentTransition]:
        """What has arrived, for programs with a loop of their own; may be empty.

        Args:
            timeout: seconds to wait for the first.
        """
        self._settle()
        fetched = self._waiting or self._fetch(timeout)
        self._waiting = deque()
        self._given |= {place: offset + 1 for place, offset, _ in fetched}
        return [found for _, _, found in fetched if found is not None]

    def close(self) -> None:
        """Remember what is processed, and leave."""
        try:
            self._commit()
        finally:
            self._consumer.close(autocommit=False)

    def __enter__(self) -> Self:
        """Nothing to do: it is connected."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remember what is processed, and leave."""
        self.close()

    def _subscribe(self, topic: str, start: str) -> None:
        partitions = self._consumer.partitions_for_topic(topic)
        if not partitions:
            raise SubscriptionError(f"Topic {topic} does not exist: create it with stream-rfm topics create.")
        if self._group is not None:
            self._consumer.subscribe([topic])
            return
        places = [TopicPartition(topic, number) for number in sorted(partitions)]
        self._consumer.assign(places)
        ends = self._consumer.beginning_offsets if start == "earliest" else self._consumer.end_offsets
        for place, offset in ends(places).items():
            self._consumer.seek(place, offset)

    def _settle(self) -> None:
        """Count what was given before as processed."""
        self._processed |= self._given
        self._given.clear()
        if time.monotonic() - self._committed_at > _COMMIT_SECONDS:
            self._commit()

    def _fetch(self, timeout: float) -> list[_Fetched]:
        self._commit()
        arrived = self._consumer.poll(timeout_ms=round(timeout * 1000))
        self._begin(arrived)
        return [
            (place, record.offset, _transition(record))
            for place, records in arrived.items()
            for record in records
        ]

    def _begin(self, arrived: Mapping[TopicPartition, list[Any]]) -> None:
        """Commit where the group begins, before anything is given.

        Where it has committed nothing, whoever comes next would begin at the end anew, behind what was given
        and not processed, and behind what came while nobody was there.
        """
        if self._group is None:
            return
        begins: dict[TopicPartition, int] = {}
        for place in self._consumer.assignment() - self._begun:
            some = arrived.get(place)
            # Without a place to read from yet, nothing comes of it either.
            at = some[0].offset if some else self._consumer.position(place, timeout_ms=0)
            if at is not None:
                begins[place] = at
        if self._commit_offsets(begins):
            self._begun |= begins.keys()

    def _commit(self) -> None:
        processed, self._processed = self._processed, {}
        self._committed_at = time.monotonic()
        if self._group is not None:
            self._commit_offsets(processed)

    def _commit_offsets(self, offsets: Mapping[TopicPartition, int]) -> bool:
        """Whether the group has them now."""
        if not offsets:
            return True
        try:
            self._consumer.commit({place: OffsetAndMetadata(at, "", -1) for place, at in offsets.items()})
        except (CommitFailedError, RebalanceInProgressError):
            _log.info("The group has given the partitions to another member, which gets these again.")
            return False
        return True


def _transition(record: Any) -> SegmentTransition | None:
    try:
        return transition.read(dict(record.headers), record.value)
    except ValueError as error:
        _log.warning(
            "Passed over a record that is no transition known here, in %s, partition %d, offset %d: %s",
            record.topic,
            record.partition,
            record.offset,
            error,
        )
        return None
