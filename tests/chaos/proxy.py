"""A network between workers and brokers that can be cut, slow, or deliver what nobody waits for any more."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Coroutine
from typing import Any, Self

from door import Door

from stream_rfm.local.kafka_properties import Node
from stream_rfm.local.ports import HOST, free_ports

_ORDER_SECONDS = 30.0


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
