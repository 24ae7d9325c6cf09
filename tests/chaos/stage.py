"""The workers that faults hit, in what they live on."""

from __future__ import annotations

import heapq
import itertools
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from logged import NAME_LOST
from plan import Fault, Kind
from surroundings import Remedy, Surroundings
from workers import Worker

_POLL_SECONDS = 0.05
# SIGTERM has to end a worker in good order; in the middle of a fault that may take its time.
_TERM_SECONDS = 120.0
_LOOK_SECONDS = 0.5

#: Starts a worker whose logs go to a folder, in a slot; the slot behind the last is for guests.
Hire = Callable[[int, Path], Worker]


class Stage:
    """Workers in slots: who goes is followed by another in the same slot.

    Args:
        folder: where logs go.
        hire: starts a worker.
        surroundings: what else is hit.
        workers: how many slots.
    """

    def __init__(self, folder: Path, hire: Hire, surroundings: Surroundings, workers: int) -> None:
        self.workers: list[Worker] = []
        self.hits: Counter[Kind] = Counter()
        #: What was not as it should be: exit codes, mostly.
        self.wrong: list[str] = []
        self._folder = folder
        self._hire = hire
        self._surroundings = surroundings
        self._slots: list[Worker | None] = [None] * workers
        self._due: list[tuple[float, int, Remedy]] = []
        self._order = itertools.count()
        for slot in range(workers):
            self._fill(slot)

    def play(self, faults: list[Fault], at_last: Callable[[], None]) -> None:
        """Let everything go wrong when it is time, and put it right again.

        Args:
            faults: what goes wrong, in the order of time.
            at_last: called when the last of them begins; putting it right may take much longer than orders
                go on.
        """
        started = time.monotonic()
        if faults:
            self._at(faults[-1].at, at_last)
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

    def refill(self) -> None:
        """Put another worker where one has ended by itself."""
        for slot in range(len(self._slots)):
            worker = self._vacate(slot)
            if worker is not None:
                self._slots[slot] = worker

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

    def _begin(self, fault: Fault) -> None:
        self.refill()
        act = getattr(self, f"_{fault.kind.name.lower()}", self._surroundings.begin)
        remedy = act(fault)
        if remedy is not None:
            self.hits[fault.kind] += 1
            self._at(self._now + fault.lasts, remedy)
        missed = " (missed)" if remedy is None else ""
        print(f"{fault.at:7.1f} s  {fault.kind} {fault.worker}{missed}", file=sys.stderr, flush=True)

    def _at(self, at: float, act: Remedy) -> None:
        heapq.heappush(self._due, (at, next(self._order), act))

    def _fill(self, slot: int) -> None:
        self._slots[slot] = self._hired(slot)

    def _hired(self, slot: int) -> Worker:
        worker = self._hire(slot, self._folder / f"worker-{len(self.workers)}")
        self.workers.append(worker)
        return worker

    def _vacate(self, slot: int) -> Worker | None:
        """Whoever is in a slot and not hit by anything else just now."""
        worker, self._slots[slot] = self._slots[slot], None
        if worker is not None and not worker.running:
            # What was said in its name before and was held back may have taken the name from it. It heeds
            # that, and whoever runs it starts it again.
            if worker.process.returncode or NAME_LOST not in worker.said:
                self.wrong.append(
                    f"a worker ended by itself with {worker.process.returncode}: {worker.said[-2000:]}"
                )
            self._fill(slot)
            return None
        return worker

    def _leaving(self, worker: Worker, then: Remedy) -> Remedy:
        """Tell a worker to end; what is returned waits for it, and lets other faults pass meanwhile."""
        worker.tell(signal.SIGTERM)
        give_up = time.monotonic() + _TERM_SECONDS

        def look() -> None:
            if worker.running and time.monotonic() < give_up:
                self._at(self._now + _LOOK_SECONDS, look)
                return
            self._ended(worker)
            then()

        return look

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

    def _next(self, fault: Fault) -> tuple[int, Worker] | None:
        """The worker that a fault hits, or another where that one is hit by something else just now."""
        for offset in range(len(self._slots)):
            slot = (fault.worker + offset) % len(self._slots)
            worker = self._vacate(slot)
            if worker is not None:
                return slot, worker
        return None

    def _kill(self, fault: Fault) -> Remedy | None:
        if (hit := self._next(fault)) is None:
            return None
        slot, worker = hit
        worker.kill()
        return lambda: self._fill(slot)

    def _term(self, fault: Fault) -> Remedy | None:
        if (hit := self._next(fault)) is None:
            return None
        slot, worker = hit
        return self._leaving(worker, lambda: self._fill(slot))

    def _zombie(self, fault: Fault) -> Remedy | None:
        if (hit := self._next(fault)) is None:
            return None
        slot, worker = hit

        def wake() -> None:
            worker.tell(signal.SIGCONT)
            self._slots[slot] = worker

        worker.tell(signal.SIGSTOP)
        return wake

    _hiccup = _zombie

    def _join(self, _: Fault) -> Remedy:
        guest = self._hired(len(self._slots))

        def leave() -> None:
            self._leaving(guest, lambda: None)()

        return leave
