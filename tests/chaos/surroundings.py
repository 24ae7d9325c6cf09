"""What the workers live on, and what goes wrong with it: brokers, Redis, network, disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from coordinator import coordinator_of
from disk import Disk
from plan import Fault
from proxy import Network
from redis import Redis, RedisError

from stream_rfm.local.kafka import KafkaBroker
from stream_rfm.local.valkey import ValkeyServer

#: Puts a fault right again.
Remedy = Callable[[], None]

_LEAST_LAG, _MOST_LAG = 0.05, 0.5
_SLOW_SECONDS = 6.0


def _nothing() -> None:
    """What is over at once needs no remedy."""


@dataclass(frozen=True)
class Surroundings:
    """Things that faults hit; each method returns what puts it right, or ``None`` where it has missed.

    Attributes:
        brokers: the brokers.
        valkey: the Redis.
        network: between the workers and the brokers.
        disk: of the workers.
        group: of the workers, which one broker coordinates.
        patience: seconds after which a worker waits for no answer any more.
    """

    brokers: Sequence[KafkaBroker]
    valkey: ValkeyServer
    network: Network
    disk: Disk
    group: str
    patience: float

    def begin(self, fault: Fault) -> Remedy | None:
        """Let something go wrong."""
        act: Callable[[Fault], Remedy | None] = getattr(self, f"_{fault.kind.name.lower()}")
        return act(fault)

    def coordinator(self) -> KafkaBroker | None:
        """The broker that coordinates the group; none before anybody has asked for it."""
        for asked in self.brokers:
            with suppress(OSError):
                return self.brokers[coordinator_of(asked.ports[0], self.group) - 1]
        return None

    def _one(self, fault: Fault) -> KafkaBroker:
        return self.brokers[fault.worker % len(self.brokers)]

    def _broker_kill(self, fault: Fault) -> Remedy:
        broker = self._one(fault)
        broker.kill()
        return broker.start

    def _broker_restart(self, fault: Fault) -> Remedy:
        self._one(fault).restart()
        return _nothing

    def _broker_pause(self, fault: Fault) -> Remedy:
        broker = self._one(fault)
        broker.pause()
        return broker.resume

    def _coordinator_kill(self, _: Fault) -> Remedy | None:
        broker = self.coordinator()
        if broker is None:
            return None
        broker.kill()
        return broker.start

    def _redis_kill(self, _: Fault) -> Remedy:
        self.valkey.kill()
        return self.valkey.start

    def _redis_pause(self, _: Fault) -> Remedy:
        self.valkey.pause()
        return self.valkey.resume

    def _redis_wipe(self, _: Fault) -> Remedy | None:
        try:
            with Redis.from_url(self.valkey.url, socket_timeout=2) as redis:
                redis.flushall()
        except RedisError:
            return None
        return _nothing

    def _net_cut(self, fault: Fault) -> Remedy:
        self.network.cut(fault.worker)
        return lambda: self.network.mend(fault.worker)

    def _net_delay(self, fault: Fault) -> Remedy:
        return self._slow(fault.worker, _LEAST_LAG + fault.strength * (_MOST_LAG - _LEAST_LAG))

    def _net_hold(self, fault: Fault) -> Remedy:
        # What is said meanwhile arrives after whoever said it has given it up.
        return self._slow(fault.worker, self.patience + 1 + 2 * fault.strength)

    def _slow(self, place: int, lag: float) -> Remedy:
        self.network.slow_down(place, lag)
        return lambda: self.network.slow_down(place, 0)

    def _disk_full(self, _: Fault) -> Remedy:
        self.disk.fill()
        return self.disk.mend

    def _disk_slow(self, fault: Fault) -> Remedy:
        self.disk.slow_down(fault.strength * _SLOW_SECONDS)
        return self.disk.mend
