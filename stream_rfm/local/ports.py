"""Free TCP ports on the loopback address."""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"

# Below the ranges from which Linux and macOS take the ports of outgoing connections. A server that
# restarts inside those ranges may find its port taken by such a connection: even by the one of a client
# that tries to reach the very server, since TCP lets a socket connect to itself.
_RANGE = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Choose different ports that are free at this moment; another process may still be faster."""
    # Not the module's generator: a test that seeds it would make all processes try the same ports.
    candidates = random.SystemRandom().sample(_RANGE, len(_RANGE))
    found = [port for port, _ in zip(filter(is_free, candidates), range(count), strict=False)]
    if len(found) < count:
        raise OSError(f"no {count} free ports between {_RANGE.start} and {_RANGE.stop} on {HOST}")
    return found
