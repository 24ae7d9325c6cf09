"""One connection to a broker, for those who run beside what is measured: what it costs others wait for.

Who sends and who waits shares a core with the broker. A client of Kafka would do for them, but takes several
times as much of that core, which the broker then has not.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

_SIZE = struct.Struct(">i")
_AT_ONCE = 1 << 18
_TIMEOUT_SECONDS = 30.0


class Wire:
    """Sends requests of aiokafka's, and keeps answers until they are asked for."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._read = bytearray()

    def send(self, request: bytes) -> None:
        """Send a request that :func:`framed` has made, as soon as the broker takes it."""
        self._socket.sendall(request)

    def keep_answers(self) -> None:
        """Take what has come so far, so that the broker need not wait to answer more."""
        # A socket with a timeout waits for it before it reads, whatever flags it reads with.
        if select.select([self._socket], [], [], 0)[0]:
            self._take()

    def answer(self, kind: Any) -> Any:
        """The next answer, as soon as it is there.

        Args:
            kind: the answer's class in aiokafka's protocol.
        """
        size = _SIZE.unpack(self._bytes(_SIZE.size))[0]
        body = BytesIO(self._bytes(size))
        body.seek(_SIZE.size)  # behind the number of the request
        return kind.decode(body)

    def _bytes(self, count: int) -> bytes:
        while len(self._read) < count:
            self._take()
        found = bytes(self._read[:count])
        del self._read[:count]
        return found

    def _take(self) -> None:
        some = self._socket.recv(_AT_ONCE)
        if not some:
            raise SystemExit("Kafka closed a connection: its log says why")
        self._read += some


@contextmanager
def connected(servers: str) -> Iterator[Wire]:
    """A connection to a broker that is alone."""
    host, _, port = servers.rpartition(":")
    with socket.create_connection((host, int(port)), _TIMEOUT_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Wire(connection)


def framed(request: Any) -> bytes:
    """A request as it goes over the wire."""
    message = request.build_request_header(correlation_id=0, client_id="bench").encode() + request.encode()
    return _SIZE.pack(len(message)) + message
