"""Record batches on their way to a broker, put together once.

aiokafka joins each level of a request to the next one, so that every byte of a transaction is copied seven
times. Here all pieces are joined at once; what goes over the wire is the same.
"""

from __future__ import annotations

from typing import Any

from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7
from aiokafka.protocol.types import Int16, Int32, String

_text = String("utf-8").encode


class FlatProduceRequest_v7(ProduceRequest_v7):  # noqa: N801 - as aiokafka names protocol classes
    """The newest request that aiokafka speaks, and every broker that knows of members in transactions."""

    transactional_id: str | None
    required_acks: int
    timeout: int
    topics: list[tuple[str, list[tuple[int, bytes]]]]

    def encode(self) -> bytes:
        """What goes over the wire, behind the header."""
        number, pieces = Int32.encode, [_text(self.transactional_id), Int16.encode(self.required_acks)]
        pieces += (number(self.timeout), number(len(self.topics)))
        for topic, partitions in self.topics:
            pieces += (_text(topic), number(len(partitions)))
            for partition, records in partitions:
                pieces += (number(partition), number(len(records)), records)
        return b"".join(pieces)


class FlatProduceRequest(ProduceRequest):
    """Builds the request."""

    def build(self, request_struct_class: Any) -> Any:
        """The request of a version; of another one than ours as aiokafka has it."""
        flat = request_struct_class is ProduceRequest_v7
        return super().build(FlatProduceRequest_v7 if flat else request_struct_class)
