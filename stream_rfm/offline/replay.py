"""The same core as the stream's, driven by a file: one partition, its merger, and no broker."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from stream_rfm.intake.batching import Documents, batch_of
from stream_rfm.intake.document import Intake, OrderDocument
from stream_rfm.model import transition, version
from stream_rfm.model.order import Kind, Reason
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.offline import output, segments_file
from stream_rfm.table.batch import Batch
from stream_rfm.table.clock import Clock
from stream_rfm.table.merger import Merger
from stream_rfm.table.partition import Partition
from stream_rfm.table.store import Changes
from stream_rfm.table.summarizing import summary

_CHUNK = 8192
_ROWS = 100_000


@dataclass(slots=True)
class Replayed:
    """What a replay has made.

    Attributes:
        orders: events counted, heartbeats not among them.
        after: events later than the as-of, left out.
        rejected: events refused, by reason.
        transitions: changes of segment.
        customers: customers known at the end.
        versions: quantiles versions made.
    """

    orders: int = 0
    after: int = 0
    rejected: Counter[Reason] = field(default_factory=Counter)
    transitions: int = 0
    customers: int = 0
    versions: int = 0


class Replay:
    """Counts order documents up to an as-of and writes what follows from them into a folder."""

    def __init__(self, rules: Rules, interval: int, intake: Intake, as_of: int, folder: Path) -> None:
        """Prepare to replay.

        Args:
            rules: what customers are scored by.
            interval: microseconds of event time between two rescorings.
            intake: what documents are read with.
            as_of: the instant up to which events count.
            folder: where ``segments.csv``, ``transitions.jsonl`` and ``quantiles.json`` go.
        """
        self._rules = rules
        self._intake = intake
        self._as_of = as_of
        self._folder = folder
        clock = Clock("event", interval)
        self._partition = Partition(0, rules, clock)
        self._merger = Merger(rules, clock, 1, None)
        self._versions: list[Version] = []
        self._result = Replayed()

    def run(self, documents: Iterable[dict[str, Any]], progress: Callable[[int], None]) -> Replayed:
        """Replay documents in the order in which they come.

        Args:
            documents: order events; a customer's events as the customer's partition would have them.
            progress: told how many more documents have been read.

        Raises:
            OutputError: the folder, or a file in it, cannot be written.
        """
        with output.written(self._folder):
            return self._run(documents, progress)

    def _run(self, documents: Iterable[dict[str, Any]], progress: Callable[[int], None]) -> Replayed:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "transitions.jsonl").open("w", encoding="utf-8") as out:
            said = iter(documents)
            while chunk := list(islice(said, _CHUNK)):
                for changes in self._count(self._read(chunk)):
                    self._write(out, changes)
                progress(len(chunk))
            for changes in (*self._count(self._read([self._heartbeat()])), *self._last_version()):
                self._write(out, changes)
        last = self._versions[-1]
        everybody = segments_file.rows(self._partition.store, last)
        self._result.customers = segments_file.write(self._folder / "segments.csv", everybody)
        self._result.versions = len(self._versions)
        published = [version.to_document(each, self._rules) for each in self._versions]
        (self._folder / "quantiles.json").write_text(json.dumps(published, indent=1) + "\n", "utf-8")
        return self._result

    def _heartbeat(self) -> dict[str, Any]:
        return {"type": "heartbeat", "ts": self._as_of // 1000}

    def _read(self, chunk: list[dict[str, Any]]) -> Batch:
        documents, keys = [], []
        for said in chunk:
            try:
                document = msgspec.convert(said, OrderDocument)
            except msgspec.ValidationError:
                self._result.rejected[Reason.WRONG_TYPE] += 1
                continue
            documents.append(document)
            keys.append((document.customer_id or "").encode() or None)
        size = len(documents)
        batch, rejected = batch_of(
            Documents(documents, keys, np.arange(size), np.zeros(size, np.int64)), self._intake
        )
        self._result.rejected.update(reason.reason for _, reason in rejected)
        return self._until_as_of(batch)

    def _until_as_of(self, batch: Batch) -> Batch:
        kept = np.flatnonzero(batch.at <= self._as_of)
        self._result.after += len(batch) - len(kept)
        return batch if len(kept) == len(batch) else batch.take(kept)

    def _count(self, batch: Batch) -> Iterator[Changes]:
        done = 0
        while done < len(batch):
            count, changes = self._partition.advance(batch[done:], 0)
            done += count
            self._result.orders += int(np.count_nonzero(batch.kind[done - count : done] != Kind.HEARTBEAT))
            yield changes
            if self._partition.waiting:
                yield from self._pass_boundary()

    def _pass_boundary(self) -> Iterator[Changes]:
        report = self._partition.report(0)
        if report is not None:
            self._merger.offer(report, 0)
        for made in self._merger.versions(0):
            yield from self._apply(made)

    def _apply(self, made: Version) -> Iterator[Changes]:
        self._versions.append(made)
        self._partition.apply(made)
        while self._partition.rescoring:
            yield self._partition.rescore(_ROWS)

    def _last_version(self) -> Iterator[Changes]:
        """An as-of between two boundaries gets a version of its own."""
        last = self._versions[-1]
        if last.as_of < self._as_of:
            everybody = summary(self._partition.store, self._as_of)
            yield from self._apply(version.make(last.number + 1, self._as_of, everybody, self._rules))

    def _write(self, out: Any, changes: Changes) -> None:
        self._result.rejected.update(reason for _, reason in changes.rejected)
        for moves in changes.moves:
            self._result.transitions += len(moves)
            for each in moves.transitions(self._rules.grid):
                document = transition.to_document(each, self._rules, None)
                out.write(json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n")
        # There is no changelog to be told.
        self._partition.store.take_touched()
        self._partition.store.take_refunds()
