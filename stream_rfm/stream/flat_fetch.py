"""What is fetched of partitions, asked for and taken apart at once.

aiokafka packs and unpacks each number of a request and of its answer by a call of its own, some forty for
each partition. What goes over the wire is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from struct import Struct
from typing import Any, NamedTuple

from aiokafka.protocol.api import Request, Response
from aiokafka.protocol.fetch import FetchRequest_v11, FetchResponse_v11
from aiokafka.protocol.types import String

#: Topic and partition.
Place = tuple[str, int]

_text = String("utf-8").encode
# Not a replica; how long to wait; for how many bytes; how many at most; whether committed ones only; no
# session; topics.
_BEGINNING = Struct(">iiiibiii")
# A topic's partitions; of each the number, any epoch of its leader, the offset, any beginning, bytes at most.
_COUNT, _WANTED = Struct(">i"), Struct(">iiqqi")
# No topic forgotten, no rack.
_END = Struct(">ih").pack(0, 0)
_NO_REPLICA, _NO_SESSION, _NO_EPOCH, _ANY = -1, 0, -1, -1
# For how long the broker slowed down; error; session; topics.
_ANSWER = Struct(">ihii")
_SIZE = Struct(">h")
# Number, error, end, end of what is committed or aborted, beginning; transactions aborted.
_PART, _ABORTED = Struct(">ihqqqi"), Struct(">qq")
# The replica to prefer; bytes.
_DATA = Struct(">ii")


class Part(NamedTuple):
    """What was fetched of a partition.

    Attributes:
        place: topic and partition.
        error: Kafka's code; 0 for none.
        end: the offset behind the last record that is there, committed or not.
        aborted: producers of transactions that were aborted, and where those begin.
        data: record batches, the last of which may not be whole.
    """

    place: Place
    error: int
    end: int
    aborted: list[tuple[int, int]]
    data: bytes


class FlatFetchResponse_v11(Response):  # noqa: N801 - as aiokafka names protocol classes
    """The answer."""

    API_KEY, API_VERSION, SCHEMA = 1, 11, FetchResponse_v11.SCHEMA

    #: Kafka's code for all of it; 0 for none.
    error: int
    parts: list[Part]

    @classmethod
    def decode(cls, data: BytesIO | bytes) -> FlatFetchResponse_v11:
        """Take an answer apart; what stands behind it is left."""
        whole, at = (data.getvalue(), data.tell()) if isinstance(data, BytesIO) else (data, 0)
        answer = cls.__new__(cls)
        _, answer.error, _, topics = _ANSWER.unpack_from(whole, at)
        at, answer.parts = at + _ANSWER.size, []
        for _ in range(topics):
            size = _SIZE.unpack_from(whole, at)[0]
            at += _SIZE.size + size
            topic = whole[at - size : at].decode()
            partitions = _COUNT.unpack_from(whole, at)[0]
            at += _COUNT.size
            for _ in range(partitions):
                part, at = _part(topic, whole, at)
                answer.parts.append(part)
        return answer

    def __repr__(self) -> str:
        return f"{type(self).__name__}(error={self.error}, parts={len(self.parts)})"


class FlatFetchRequest_v11(FetchRequest_v11):  # noqa: N801 - as aiokafka names protocol classes
    """The newest request that aiokafka speaks, and every broker that knows of members in transactions."""

    RESPONSE_TYPE = FlatFetchResponse_v11

    replica_id: int
    max_wait_time: int
    min_bytes: int
    max_bytes: int
    isolation_level: int
    topics: Sequence[tuple[str, Sequence[tuple[int, int, int, int, int]]]]

    def encode(self) -> bytes:
        """What goes over the wire, behind the header."""
        limits = self.max_wait_time, self.min_bytes, self.max_bytes, self.isolation_level
        pieces = [_BEGINNING.pack(_NO_REPLICA, *limits, _NO_SESSION, _NO_EPOCH, len(self.topics))]
        for topic, partitions in self.topics:
            pieces += (_text(topic), _COUNT.pack(len(partitions)))
            pieces += (_WANTED.pack(*wanted) for wanted in partitions)
        return b"".join((*pieces, _END))


class FlatFetchRequest(Request[FlatFetchRequest_v11]):
    """Builds the request."""

    API_KEY = 1

    def __init__(
        self,
        offsets: dict[Place, int],
        *,
        wait_ms: int,
        least_bytes: int,
        most_bytes: int,
        most_bytes_each: int,
        isolation_level: int,
    ) -> None:
        """Ask for partitions.

        Args:
            offsets: from where on, by topic and partition.
            wait_ms: how long the broker may wait until there is something.
            least_bytes: how much it may wait for.
            most_bytes: how much it is to give, but for the first record batch.
            most_bytes_each: how much of each partition.
            isolation_level: whether all records, or only committed ones; aiokafka's constant.
        """
        self.offsets = offsets
        self._limits = wait_ms, least_bytes, most_bytes, isolation_level
        self._most_bytes_each = most_bytes_each

    def build(self, request_struct_class: Any) -> Any:
        """The request."""
        topics: dict[str, list[tuple[int, int, int, int, int]]] = {}
        for (topic, partition), offset in self.offsets.items():
            wanted = partition, _ANY, offset, _ANY, self._most_bytes_each
            topics.setdefault(topic, []).append(wanted)
        return request_struct_class(
            _NO_REPLICA, *self._limits, _NO_SESSION, _NO_EPOCH, list(topics.items()), [], ""
        )


def _part(topic: str, whole: bytes, at: int) -> tuple[Part, int]:
    """A partition's part of an answer, and where it ends."""
    number, error, end, _, _, count = _PART.unpack_from(whole, at)
    at, aborted = at + _PART.size, []
    # There may be no list of them, said as −1.
    for _ in range(count):
        aborted.append(_ABORTED.unpack_from(whole, at))
        at += _ABORTED.size
    _, size = _DATA.unpack_from(whole, at)
    at += _DATA.size
    after = at + max(size, 0)
    return Part((topic, number), error, end, aborted, whole[at:after]), after
