"""What a broker says of its cluster, asked with one plain request, so that nothing is retried inside."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Self

from stream_rfm.local.ports import HOST

_METADATA, _VERSION = 3, 7
_NO_TOPICS = 0


@dataclass(frozen=True)
class ClusterView:
    """A cluster as one of its brokers sees it."""

    cluster_id: str
    brokers: frozenset[int]
    """The numbers of the nodes that are ready to serve."""

    @classmethod
    def of_broker(cls, port: int, *, seconds: float) -> Self:
        """Ask the broker on this port.

        Args:
            port: the port of the loopback address that it listens on.
            seconds: how long each step may take.

        Raises:
            OSError: it cannot be reached, or what answers is no broker.
        """
        client = b"stream-rfm"
        head = struct.pack(f">hhih{len(client)}s", _METADATA, _VERSION, 1, len(client), client)
        body = head + struct.pack(">i?", _NO_TOPICS, False)  # noqa: FBT003 - create no topic
        with socket.create_connection((HOST, port), timeout=seconds) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            (size,) = struct.unpack(">i", _receive(connection, 4))
            answer = _receive(connection, size)
        try:
            return cls._parse(answer)
        except (struct.error, UnicodeDecodeError) as error:
            raise OSError(f"what listens on {HOST}:{port} is not a Kafka broker") from error

    @classmethod
    def _parse(cls, answer: bytes) -> Self:
        (count,) = struct.unpack_from(">i", answer, 8)  # after correlation id and throttle time
        brokers, at = set(), 12
        for _ in range(count):
            brokers.add(struct.unpack_from(">i", answer, at)[0])
            _, at = _string(answer, at + 4)  # the host
            _, at = _string(answer, at + 4)  # the rack, after the port
        cluster_id, _ = _string(answer, at)
        return cls(cluster_id, frozenset(brokers))


def _string(answer: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">h", answer, at)
    end = at + 2 + max(length, 0)  # -1 stands for null
    return answer[at + 2 : end].decode(), end


def _receive(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        chunk = connection.recv(size - len(received))
        if not chunk:
            raise ConnectionError("the connection was closed before the answer was complete")
        received += chunk
    return received
