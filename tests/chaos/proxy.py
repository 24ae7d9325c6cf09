"""A network between workers and brokers that can be cut, slow, or deliver what nobody waits for any more."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from typing import Any, Self

from stream_rfm.local.kafka_properties import Node
from stream_rfm.local.ports import HOST, free_ports

_CHUNK = 1 << 16
# So many chunks are on the way at most; the sender waits then, as on a real wire.
_ON_THE_WAY = 256
_ORDER_SECONDS = 30.0
_RESET = struct.pack("ii", 1, 0)


class Door:
    """A port that leads to another one.

    A chunk that has been read is delivered, however late, even when its sender has gone away meanwhile:
    that is how a request can meet what came after it.
    """

    def __init__(self, target: int) -> None:
        [self.port] = free_ports(1)
        self._target = target
        self._lag = 0.0
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Let connections in."""
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, HOST, self.port)

    async def cut(self) -> None:
        """Reset every connection, lose what is on the way, and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in list(self._ends):
            _reset(end)
        for pump in list(self._pumps):
            pump.cancel()

    async def slow_down(self, lag: float) -> None:
        """Deliver what is read from now on so many seconds later."""
        self._lag = lag

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(HOST, self._target)
        except OSError:
            _reset(writer)
            return
        if self._server is None:  # cut meanwhile
            _reset(writer)
            _reset(inner_writer)
            return
        self._ends |= {writer, inner_writer}
        self._start(self._pump(reader, inner_writer))
        self._start(self._pump(inner_reader, writer))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_ON_THE_WAY)
        self._start(self._read(source, way))
        loop = asyncio.get_running_loop()
        try:
            with suppress(OSError):
                while True:
                    due, chunk = await way.get()
                    await asyncio.sleep(due - loop.time())
                    if not chunk:
                        break
                    sink.write(chunk)
                    await sink.drain()
        finally:
            self._ends.discard(sink)
            sink.close()

    async def _read(self, source: asyncio.StreamReader, way: asyncio.Queue[tuple[float, bytes]]) -> None:
        loop = asyncio.get_running_loop()
        chunk = b"?"
        while chunk:
            try:
                chunk = await source.read(_CHUNK)
            except OSError:
                chunk = b""
            await way.put((loop.time() + self._lag, chunk))


def _reset(end: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.transport.abort()


class Network:
    """Doors from each of some places to each broker, which tells a place of its own doors alone.

    Args:
        places: how many; what happens to the network happens to one of them.
        brokers: how many.
    """

    def __init__(self, places: int, brokers: int) -> None:
        # Held until the brokers' other ports are chosen, which would else be the same ones now and then.
        self._held: list[socket.socket] = []
        self._doors: dict[tuple[int, int], tuple[int, Door]] = {}
        self._places = range(places)
        self._brokers = range(1, brokers + 1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        for place in self._places:
            for broker in self._brokers:
                [inner] = free_ports(1)
                held = socket.socket()
                held.bind((HOST, inner))
                self._held.append(held)
                door = Door(inner)
                self._order(door.open())
                self._doors[place, broker] = (inner, door)
        return self

    def __exit__(self, *_: object) -> None:
        for place in self._places:
            self.cut(place)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ORDER_SECONDS)
        self._loop.close()

    def release(self) -> None:
        """Leave the ports behind the doors to the brokers."""
        for held in self._held:
            held.close()

    def properties(self, node: Node) -> dict[str, str]:
        """What makes a broker listen behind each of its doors, and tell of the door."""
        own = f"PLAINTEXT://{node.address}"
        inner, outer, kinds = [], [], []
        for place in self._places:
            port, door = self._doors[place, node.number]
            inner.append(f"PLACE{place}://{HOST}:{port}")
            outer.append(f"PLACE{place}://{HOST}:{door.port}")
            kinds.append(f"PLACE{place}:PLAINTEXT")
        return {
            "listeners": ",".join([own, f"CONTROLLER://{HOST}:{node.controller_port}", *inner]),
            "advertised.listeners": ",".join([own, *outer]),
            "listener.security.protocol.map": ",".join(
                ["CONTROLLER:PLAINTEXT", "PLAINTEXT:PLAINTEXT", *kinds]
            ),
            "inter.broker.listener.name": "PLAINTEXT",
        }

    def servers(self, place: int) -> str:
        """Where clients at a place reach the brokers."""
        return ",".join(f"{HOST}:{self._doors[place, broker][1].port}" for broker in self._brokers)

    def cut(self, place: int) -> None:
        """Cut a place off."""
        for broker in self._brokers:
            self._order(self._doors[place, broker][1].cut())

    def mend(self, place: int) -> None:
        """Connect a place again."""
        for broker in self._brokers:
            self._order(self._doors[place, broker][1].open())

    def slow_down(self, place: int, lag: float) -> None:
        """Deliver everything from and to a place so many seconds later; 0 as before."""
        for broker in self._brokers:
            self._order(self._doors[place, broker][1].slow_down(lag))

    def _order(self, done: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(_awaited(done), self._loop).result(_ORDER_SECONDS)


async def _awaited(done: Awaitable[None]) -> None:
    await done
