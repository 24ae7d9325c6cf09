"""What is written with one Kafka transaction: records of many topics, and the offsets they follow from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from stream_rfm.stream.batches import Message
from stream_rfm.stream.record_batches import Records


@dataclass(slots=True)
class Work:
    """What one transaction holds, or a part of it.

    Attributes:
        messages: keys, values and headers, by topic and partition.
        records: those that are written into record batches at once, likewise; a place has one of both.
        offsets: the next offset to read, by topic and partition.
    """

    messages: dict[tuple[str, int], list[Message]] = field(default_factory=dict)
    records: dict[tuple[str, int], Records] = field(default_factory=dict)
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def places(self) -> frozenset[tuple[str, int]]:
        """The topics and partitions that there is something for."""
        return frozenset([*self.messages, *self.records])

    def put(self, topic: str, partition: int, messages: Sequence[Message]) -> None:
        """Add messages behind those already there."""
        if (topic, partition) in self.records:
            self.records[topic, partition].add(messages)
        elif messages:
            self.messages.setdefault((topic, partition), []).extend(messages)

    def records_of(self, topic: str, partition: int) -> Records:
        """What compiled code writes records behind, with the messages already there."""
        records = self.records.get((topic, partition))
        if records is None:
            records = self.records[topic, partition] = Records()
            records.add(self.messages.pop((topic, partition), ()))
        return records
