"""What happens to what is sent through a door; behind it is a socket that keeps what arrives."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from broker import eventually
from proxy import Network

from stream_rfm.local.kafka_properties import Node
from stream_rfm.local.ports import HOST


class Kept:
    """Listens behind a door and keeps what arrives."""

    def __init__(self, port: int) -> None:
        self.said: list[bytes] = []
        self._listening = socket.create_server((HOST, port))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with connection:
            try:
                while chunk := connection.recv(1024):
                    self.said.append(chunk)
                    connection.sendall(chunk.upper())
            except OSError:
                return

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def network() -> Iterator[Network]:
    with Network(places=1, brokers=1) as made:
        made.release()
        yield made


@pytest.fixture
def kept(network) -> Iterator[Kept]:
    node = Node(1, 1, 2)
    inner = int(network.properties(node)["listeners"].rpartition(":")[2])
    listening = Kept(inner)
    yield listening
    listening.close()


def _connected(network: Network) -> socket.socket:
    host, port = network.servers(0).split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def test_what_is_said_arrives_and_is_answered(network, kept):
    with _connected(network) as connection:
        connection.sendall(b"hello")
        assert connection.recv(1024) == b"HELLO"
    assert kept.said == [b"hello"]


def test_what_is_late_arrives_after_its_sender_has_gone(network, kept):
    network.slow_down(0, 0.5)
    with _connected(network) as connection:
        connection.sendall(b"late")
    assert eventually(lambda: kept.said == [b"late"])


def test_who_is_cut_off_is_told_and_not_let_in_until_it_is_mended(network, kept):
    with _connected(network) as connection:
        connection.sendall(b"before")
        assert connection.recv(1024) == b"BEFORE"
        network.cut(0)
        with pytest.raises(ConnectionResetError):
            connection.recv(1024)
    with pytest.raises(ConnectionRefusedError):
        _connected(network)
    network.mend(0)
    with _connected(network) as connection:
        connection.sendall(b"after")
        assert connection.recv(1024) == b"AFTER"
    assert kept.said == [b"before", b"after"]
