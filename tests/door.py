"""A port that leads to another one: it can be shut, slow, or deliver what nobody waits for any more."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from stream_rfm.local.ports import HOST, free_ports

_CHUNK = 1 << 16
# So many chunks are on the way at most; the sender waits then, as on a real wire.
_ON_THE_WAY = 256
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

    def lead_to(self, target: int) -> None:
        """Lead new connections to another port; those that there are stay where they are."""
        self._target = target

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
