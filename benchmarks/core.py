"""The scorer's core without Kafka and without a worker: partitions, their versions, and what a step takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import feed
import workloads

from stream_rfm.intake import kernels, records
from stream_rfm.intake.document import Intake
from stream_rfm.model import grid, instant
from stream_rfm.model.rules import Rules
from stream_rfm.table.batch import Batch
from stream_rfm.table.clock import Clock
from stream_rfm.table.merger import Merger
from stream_rfm.table.partition import Partition

_Made = TypeVar("_Made")
INTERVAL = 60 * instant.SECOND
_READ_AT_ONCE = 100_000


@dataclass(slots=True)
class _Record:
    key: bytes
    value: bytes
    offset: int
    headers: tuple[()] = ()
    timestamp: int = 0


class Timer:
    """CPU seconds of what is done, by its name, each piece by itself."""

    def __init__(self) -> None:
        self.pieces: dict[str, list[float]] = {}

    def time(self, name: str, do: Callable[[], _Made]) -> _Made:
        """Do something, and note what it took."""
        begun = time.process_time()
        made = do()
        self.pieces.setdefault(name, []).append(time.process_time() - begun)
        return made


class Core:
    """All partitions of a deployment by the wall clock, whose time is told."""

    def __init__(self, partitions: int) -> None:
        kernels.load()
        rules, clock = Rules(grid.load("classic-5")), Clock("wall", INTERVAL)
        self.partitions = [Partition(number, rules, clock) for number in range(partitions)]
        self._merger = Merger(rules, clock, partitions, None)
        self._offset = 0

    def batches(
        self, pairs: Iterable[workloads.Pair], now: int, size: int
    ) -> Iterator[tuple[Partition, Batch]]:
        """Orders by partition, as they would be read, in pieces of so many."""
        said, intake = iter(pairs), Intake("EUR", now + INTERVAL)
        while some := list(islice(said, _READ_AT_ONCE)):
            runs: list[list[_Record]] = [[] for _ in self.partitions]
            for key, value in some:
                self._offset += 1
                runs[feed.partition_of(key, len(runs))].append(_Record(key, value, self._offset))
            for partition, run in zip(self.partitions, runs, strict=True):
                for first in range(0, len(run), size):
                    yield partition, records.read(run[first : first + size], intake).batch

    def count(self, pairs: Iterable[workloads.Pair], now: int) -> None:
        """Count orders."""
        for partition, batch in self.batches(pairs, now, _READ_AT_ONCE):
            partition.advance(batch, now)
            partition.records([])

    def rescore(self, now: int, rows: int, timer: Timer) -> int:
        """Make the version of an instant and score everybody with it; how many have moved."""
        for place, partition in enumerate(self.partitions):
            report = timer.time("summary", lambda one=partition: one.report(now, rows))
            while report is None and partition.reporting:
                report = timer.time("summary", lambda one=partition: one.report(now, rows))
            if report is not None:
                timer.time("merging", lambda said=report, at=place: self._merger.offer(said, at))
        moved = 0
        for version in timer.time("merging", lambda: self._merger.versions(now)):
            for partition in self.partitions:
                timer.time("start", lambda one=partition, of=version: one.apply(of))
                while partition.rescoring:
                    changes = timer.time("scoring", lambda one=partition: one.rescore(rows))
                    moved += sum(len(moves.ids) for moves in changes.moves)
                partition.records([])
        return moved
