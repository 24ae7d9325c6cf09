"""Which broker coordinates a group, asked with one plain request."""

from __future__ import annotations

import socket
import struct

from stream_rfm.local.ports import HOST

_FIND_COORDINATOR, _VERSION = 10, 1
_GROUP = 0
_SECONDS = 2.0


def coordinator_of(port: int, group: str) -> int:
    """The number of the node that coordinates a group.

    Args:
        port: where a broker is asked.
        group: the group.

    Raises:
        OSError: the broker does not answer, or does not know.
    """
    name = group.encode()
    body = struct.pack(f">hhihh{len(name)}sb", _FIND_COORDINATOR, _VERSION, 1, -1, len(name), name, _GROUP)
    with socket.create_connection((HOST, port), timeout=_SECONDS) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        with connection.makefile("rb") as answer:
            (size,) = struct.unpack(">i", answer.read(4).ljust(4, b"\0"))
            said = answer.read(size)
    try:
        # Behind the correlation id and the throttle time.
        error, length = struct.unpack_from(">hh", said, 8)
        (node,) = struct.unpack_from(">i", said, 12 + max(length, 0))
    except struct.error:
        raise OSError("the broker did not say who coordinates") from None
    if error:
        raise OSError(f"the broker does not know who coordinates: error {error}")
    return int(node)
