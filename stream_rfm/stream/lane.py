"""One partition in a worker: what has been read of it, its state, and what its steps have to write."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stream_rfm.intake.records import Read
from stream_rfm.model.arrays import Ints
from stream_rfm.model.order import Kind, Rejected
from stream_rfm.model.version import Version
from stream_rfm.stream.version_log import VersionLog
from stream_rfm.table.journal import Record
from stream_rfm.table.partition import Partition
from stream_rfm.table.report import Report
from stream_rfm.table.store import Changes

# What one step may do before others get their turn: some ten milliseconds of work.
_EVENTS = 4_000
_ROWS = 50_000
# When rules have changed, every row is written and published.
_ROWS_PUBLISHED = 5_000


@dataclass(slots=True)
class Outcome:
    """What a lane's steps have to write with the next transaction.

    Attributes:
        changes: transitions, changed rows and erased customers.
        dead_letters: records refused, with the reason.
        report: what the merger has to know, if anything.
        events: valid events counted.
        kinds: of them, by the number of :class:`~stream_rfm.model.order.Kind`.
        rescored: seconds that each rescoring took that was finished.
        progressed: whether the changelog has to be told anything.
        changelog: what it has to be told before all that is still to be asked for.
        erased_told: how many of the erased customers are in there.
        applied: whether a version was applied, behind which the changelog has no marker yet.
    """

    changes: Changes = field(default_factory=Changes)
    dead_letters: list[tuple[Any, Rejected]] = field(default_factory=list)
    report: Report | None = None
    events: int = 0
    kinds: Ints = field(default_factory=lambda: np.zeros(len(Kind), np.int64))
    rescored: list[float] = field(default_factory=list)
    progressed: bool = False
    changelog: list[Record] = field(default_factory=list)
    erased_told: int = 0
    applied: bool = False

    @property
    def erased(self) -> list[bytes]:
        """Ids of the customers erased that the changelog still has to be told."""
        return self.changes.erased[self.erased_told :]

    @property
    def transitions(self) -> int:
        """How many transitions there are."""
        return sum(map(len, self.changes.moves))

    @property
    def published(self) -> int:
        """How many rows there are to be published, some of them twice."""
        return sum(map(len, self.changes.changed))


class Lane:
    """Drives one :class:`Partition` with what is read and with the versions that are published."""

    def __init__(self, partition: Partition, versions: VersionLog) -> None:
        """Drive a partition.

        Args:
            partition: its state.
            versions: the versions published.
        """
        self.partition = partition
        #: Events read and not counted yet.
        self.waiting_events = 0
        #: The offset behind the changelog as this worker left it; ``None`` if it never wrote.
        self.changelog_end: int | None = None
        #: An instant before which nothing was written behind that offset.
        self.settled_at = 0
        self.outcome = Outcome()
        self._versions = versions
        self._reads: deque[Read] = deque()
        self._done = 0
        self._rescoring_since = 0.0
        self._expected = partition.position

    @property
    def number(self) -> int:
        """The partition's number."""
        return self.partition.number

    def unread(self, run: list[Any]) -> list[Any]:
        """Those records of a run that were not read before: a seek may give some twice."""
        if run[0].offset >= self._expected:
            return run
        return run[bisect_left(run, self._expected, key=lambda record: record.offset) :]

    def put(self, read: Read) -> None:
        """Take what was read next."""
        self._reads.append(read)
        self._expected = read.next_offset
        self.waiting_events += len(read.batch)

    def clear(self) -> None:
        """Drop what was read and not counted; it will be read again."""
        self._reads.clear()
        self._done = self.waiting_events = 0
        self._expected = self.partition.position

    @property
    def holds_others(self) -> bool:
        """Whether other partitions may wait for what this one has to do."""
        return self.partition.rescoring or self.partition.waiting or self._wanted() is not None

    @property
    def ready(self) -> bool:
        """Whether a step would do anything."""
        if self.partition.rescoring or self._wanted() is not None:
            return True
        return bool(self._reads) and not self.partition.waiting

    def step(self, now: int) -> None:
        """Do the next piece of work: some rows of a rescoring, the start of one, or some events."""
        wanted = self._wanted()
        if wanted is not None:
            self.partition.apply(wanted)
            self._rescoring_since = time.monotonic()
        if self.partition.rescoring:
            rows = _ROWS_PUBLISHED if self.partition.rules_changed else _ROWS
            self._note(self.partition.rescore(rows))
            if not self.partition.rescoring:
                self.outcome.rescored.append(time.monotonic() - self._rescoring_since)
                self.outcome.applied = True
        elif self._reads:
            self._advance(now)

    def look_around(self, now: int) -> None:
        """See whether the merger has to be told anything."""
        report = self.partition.report(now)
        if report is not None:
            self.outcome.report = report
            self.outcome.progressed = True

    def take(self) -> Outcome:
        """What is to be written; after that there is nothing."""
        outcome, self.outcome = self.outcome, Outcome()
        return outcome

    def _wanted(self) -> Version | None:
        return self._versions.next_for(self.partition)

    def _advance(self, now: int) -> None:
        if self.outcome.applied:
            # What counts from here on is not part of the state as of the version: an export stops before it.
            self.outcome.changelog += self.partition.records(self.outcome.erased)
            self.outcome.erased_told = len(self.outcome.changes.erased)
            self.outcome.applied = False
        read = self._reads[0]
        part = read.batch[self._done : self._done + _EVENTS]
        count, changes = self.partition.advance(part, now)
        changes.rejected, refused = [], changes.rejected
        self.outcome.dead_letters += [
            (_record(read, int(part.offset[place])), Rejected(reason, "the customer's money would not fit"))
            for place, reason in refused
        ]
        self._done += count
        self.waiting_events -= count
        if count:
            self._note(changes)
            self.outcome.events += count
            self.outcome.kinds += np.bincount(part.kind[:count], minlength=len(Kind))
        self._move_on(read)

    def _move_on(self, read: Read) -> None:
        """Go past the events counted, and past the refused records between them."""
        if self._done == len(read.batch):
            position = read.next_offset
            self._reads.popleft()
            self._done = 0
        else:
            position = int(read.batch.offset[self._done])
        before = self.partition.position
        if position > before:
            self.partition.position = position
            self.outcome.progressed = True
            self.outcome.dead_letters += [
                (record, reason) for record, reason in read.rejected if before <= record.offset < position
            ]

    def _note(self, changes: Changes) -> None:
        self.outcome.changes.add(changes)
        self.outcome.progressed = True


def _record(read: Read, offset: int) -> Any:
    return read.records[bisect_left(read.records, offset, key=lambda record: record.offset)]
