"""One partition in a worker: what has been read of it, its state, and what its steps have to write."""

from __future__ import annotations

import time
from bisect import bisect_left
from typing import Any

import numpy as np

from stream_rfm.intake.document import Intake
from stream_rfm.intake.records import Read
from stream_rfm.model import instant
from stream_rfm.model.order import Kind, Rejected
from stream_rfm.model.version import Version
from stream_rfm.stream.outcome import Outcome
from stream_rfm.stream.version_log import VersionLog
from stream_rfm.stream.waiting import Waiting
from stream_rfm.table.partition import Partition
from stream_rfm.table.store import Changes

# What one step may do before others get their turn: some ten milliseconds of work, as a piece of orders is.
_ROWS = 50_000
# When rules have changed, every row is written and published.
_ROWS_PUBLISHED = 5_000


class Lane:
    """Drives one :class:`Partition` with what is read and with the versions that are published."""

    def __init__(self, partition: Partition, versions: VersionLog) -> None:
        """Drive a partition.

        Args:
            partition: its state.
            versions: the versions published.
        """
        self.partition = partition
        #: What was read and not counted yet.
        self.waiting = Waiting()
        #: The offset behind the changelog as this worker left it; ``None`` if it never wrote.
        self.changelog_end: int | None = None
        #: An instant before which nothing was written behind that offset.
        self.settled_at = 0
        self.outcome = Outcome()
        self._versions = versions
        self._done = 0
        self._rescoring_since = 0.0
        self._expected = partition.position

    @property
    def number(self) -> int:
        """The partition's number."""
        return self.partition.number

    @property
    def clock_ahead(self) -> float:
        """Seconds that the last instant here is ahead of this machine's clock; 0 by the event clock."""
        now = time.time_ns() // 1000
        return (self.partition.not_before(now) - now) / instant.SECOND

    def unread(self, run: list[Any]) -> list[Any]:
        """Those records of a run that were not read before: a seek may give some twice."""
        if run[0].offset >= self._expected:
            return run
        return run[bisect_left(run, self._expected, key=lambda record: record.offset) :]

    def put(self, run: list[Any], intake: Intake) -> None:
        """Take a run that was not read before.

        Args:
            run: at least one record.
            intake: what to read documents with.
        """
        self.waiting.put(run, intake)
        self._expected = run[-1].offset + 1

    def clear(self) -> None:
        """Drop what was read and not counted; it will be read again."""
        self.waiting.clear()
        self._done = 0
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
        return bool(self.waiting) and not self.partition.waiting

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
        elif self.waiting:
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
        read = self.waiting.first
        part = read.batch[self._done :]
        count, changes = self.partition.advance(part, now)
        changes.rejected, refused = [], changes.rejected
        too_large = [
            (_record(read, int(part.offset[place])), Rejected(reason, "the customer's money would not fit"))
            for place, reason in refused
        ]
        self._done += count
        if count:
            self._note(changes)
            self.outcome.events += count
            self.outcome.kinds += np.bincount(part.kind[:count], minlength=len(Kind))
        self._move_on(read, too_large)

    def _move_on(self, read: Read, too_large: list[tuple[Any, Rejected]]) -> None:
        """Go past the events counted, and past the refused records between them."""
        if self._done == len(read.batch):
            position = read.next_offset
            self.waiting.drop_first()
            self._done = 0
        else:
            position = int(read.batch.offset[self._done])
        before = self.partition.position
        if position > before:
            self.partition.position = position
            self.outcome.progressed = True
            passed = [letter for letter in read.rejected if before <= letter[0].offset < position]
            self.outcome.refuse(sorted(too_large + passed, key=lambda letter: letter[0].offset))

    def _note(self, changes: Changes) -> None:
        self.outcome.changes.add(changes)
        self.outcome.progressed = True


def _record(read: Read, offset: int) -> Any:
    return read.records[bisect_left(read.records, offset, key=lambda record: record.offset)]
