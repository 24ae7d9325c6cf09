"""The real things that faults hit: workers, a broker and a Redis of their own."""

from __future__ import annotations

import heapq
import itertools
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from plan import Fault, Kind
from redis import Redis, RedisError
from workers import Worker

from stream_rfm.local.kafka import KafkaBroker
from stream_rfm.local.valkey import ValkeyServer

_POLL_SECONDS = 0.05
# SIGTERM has to end a worker in good order; in the middle of a fault that may take its time.
_TERM_SECONDS = 40.0


class Stage:
    """Workers in slots: who goes is followed by another in the same slot.

    Args:
        folder: where logs go.
        environment: names the deployment.
        brokers: the brokers, one of which a fault hits.
        valkey: the Redis that faults hit.
        workers: how many slots.
    """

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str],
        brokers: Sequence[KafkaBroker],
        valkey: ValkeyServer,
        workers: int,
    ) -> None:
        self.workers: list[Worker] = []
        self.hits: Counter[Kind] = Counter()
        #: What was not as it should be: exit codes, mostly.
        self.wrong: list[str] = []
        self._folder = folder
        self._environment = environment
        self._brokers = brokers
        self._valkey = valkey
        self._slots: list[Worker | None] = [None] * workers
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        for slot in range(workers):
            self._fill(slot)

    def play(self, faults: list[Fault]) -> None:
        """Let everything go wrong when it is time, and put it right again."""
        started = time.monotonic()
        for fault in faults:
            self._at(fault.at, lambda fault=fault: self._begin(fault))
        while self._due:
            at, _, act = self._due[0]
            if time.monotonic() - started < at:
                time.sleep(_POLL_SECONDS)
                continue
            heapq.heappop(self._due)
            self._now = at
            act()

    def end(self) -> None:
        """End every worker in good order."""
        for worker in self.workers:
            if worker.running:
                self._ended(worker)

    def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        for worker in self.workers:
            if worker.running:
                worker.tell(signal.SIGCONT)
                worker.kill()

    def count(self, message: str) -> int:
        """How many times the workers have logged something."""
        return sum(len(worker.logged(message)) for worker in self.workers)

    def _begin(self, fault: Fault) -> None:
        act = getattr(self, f"_{fault.kind.name.lower()}")
        before = self.hits.total()
        act(fault)
        missed = "" if self.hits.total() > before else " (missed)"
        print(f"{fault.at:7.1f} s  {fault.kind}{missed}", file=sys.stderr, flush=True)

    def _at(self, at: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (at, next(self._order), act))

    def _later(self, fault: Fault, act: Callable[[], None]) -> None:
        self.hits[fault.kind] += 1
        self._at(self._now + fault.lasts, act)

    def _fill(self, slot: int) -> None:
        worker = Worker(self._folder / f"worker-{len(self.workers)}", self._environment)
        self.workers.append(worker)
        self._slots[slot] = worker

    def _vacate(self, slot: int) -> Worker | None:
        """Whoever is in a slot and not hit by anything else just now."""
        worker, self._slots[slot] = self._slots[slot], None
        if worker is not None and not worker.running:
            self.wrong.append(
                f"a worker ended by itself with {worker.process.returncode}: {worker.said[-2000:]}"
            )
            self._fill(slot)
            return None
        return worker

    def _ended(self, worker: Worker) -> None:
        try:
            code = worker.end(_TERM_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            self.wrong.append(f"SIGTERM did not end a worker: {error}: {worker.said[-2000:]}")
            worker.kill()
            return
        # Before Python itself is up nobody can heed a signal, and nothing was begun.
        if code and not (code == -signal.SIGTERM and not worker.said):
            self.wrong.append(f"SIGTERM ended a worker with {code}: {worker.said[-2000:]}")

    def _kill(self, fault: Fault) -> None:
        worker = self._vacate(fault.worker)
        if worker is not None:
            worker.kill()
            self._later(fault, lambda: self._fill(fault.worker))

    def _term(self, fault: Fault) -> None:
        worker = self._vacate(fault.worker)
        if worker is not None:
            self._ended(worker)
            self._later(fault, lambda: self._fill(fault.worker))

    def _zombie(self, fault: Fault) -> None:
        worker = self._vacate(fault.worker)
        if worker is None:
            return

        def wake() -> None:
            worker.tell(signal.SIGCONT)
            self._slots[fault.worker] = worker

        worker.tell(signal.SIGSTOP)
        self._later(fault, wake)

    _hiccup = _zombie

    def _join(self, fault: Fault) -> None:
        guest = Worker(self._folder / f"worker-{len(self.workers)}", self._environment)
        self.workers.append(guest)
        self._later(fault, lambda: self._ended(guest))

    def _broker(self, fault: Fault) -> KafkaBroker:
        return self._brokers[fault.worker % len(self._brokers)]

    def _broker_kill(self, fault: Fault) -> None:
        broker = self._broker(fault)
        broker.kill()
        self._later(fault, broker.start)

    def _broker_restart(self, fault: Fault) -> None:
        self._broker(fault).restart()
        self._later(fault, lambda: None)

    def _broker_pause(self, fault: Fault) -> None:
        broker = self._broker(fault)
        broker.pause()
        self._later(fault, broker.resume)

    def _redis_kill(self, fault: Fault) -> None:
        self._valkey.kill()
        self._later(fault, self._valkey.start)

    def _redis_pause(self, fault: Fault) -> None:
        self._valkey.pause()
        self._later(fault, self._valkey.resume)

    def _redis_wipe(self, fault: Fault) -> None:
        try:
            with Redis.from_url(self._valkey.url, socket_timeout=2) as redis:
                redis.flushall()
        except RedisError:
            return
        self._later(fault, lambda: None)
