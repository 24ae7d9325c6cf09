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
from stream_rfm.serve.marks import Watermark
from stream_rfm.stream.outcome import Outcome
from stream_rfm.stream.unread import edges_of
from stream_rfm.stream.version_log import VersionLog
from stream_rfm.stream.waiting import Waiting
from stream_rfm.table.partition import Partition
from stream_rfm.table.store import Changes

#: Customers that one step looks at, at most: below a millisecond of work, mostly. And where all of them move
#: it is no more than what a transaction may carry beyond its limit.
ROWS = 1_000


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
        if edges_of(run)[0] >= self._expected:
            return run
        # Looked into once, not for each question.
        run = run[:]
        return run[bisect_left(run, self._expected, key=lambda record: record.offset) :]

    def put(self, run: list[Any], intake: Intake) -> None:
        """Take a run that was not read before.

        Args:
            run: at least one record.
            intake: what to read documents with.
        """
        self.waiting.put(run, intake)
        self._expected = edges_of(run)[1] + 1

    def clear(self) -> None:
        """Drop what was read and not counted; it will be read again."""
        self.waiting.clear()
        self._done = 0
        self._expected = self.partition.position

    def committed(self, end: int, settled_at: int, app_id: str, committed_at: int) -> Watermark:
        """Note that what was written is part of the log; gives how far the partition has come with it.

        Args:
            end: the offset behind it in the changelog, without the marker that ends its transaction.
            settled_at: an instant before which nothing is written behind that.
            app_id: the deployment.
            committed_at: when it was committed, in milliseconds since 1970.
        """
        # The marker takes an offset too.
        self.changelog_end = end + 1
        self.settled_at = settled_at
        version = self.partition.version
        return Watermark(
            as_of=self.partition.as_of // instant.MILLISECOND,
            committed_at=committed_at,
            quantiles_version=version.number if version else 0,
            offset=self.changelog_end,
            app_id=app_id,
        )

    @property
    def takes_turns(self) -> bool:
        """Whether orders go before what is done for a version: nobody waits for that."""
        return not (self.partition.clock.waits or self.partition.rules_changed)

    @property
    def holds_others(self) -> bool:
        """Whether other partitions, or the orders of this one, may wait for what it has to do."""
        if self.takes_turns:
            return False
        return self.partition.rescoring or self.partition.waiting or self._wanted() is not None

    @property
    def has_rows(self) -> bool:
        """Whether customers are to be scored by a version, or reported to the merger."""
        return self.partition.rescoring or self.partition.reporting or self._wanted() is not None

    @property
    def has_orders(self) -> bool:
        """Whether events can be counted."""
        return bool(self.waiting) and not self.partition.waiting

    @property
    def ready(self) -> bool:
        """Whether a step would do anything."""
        return self.has_rows or self.has_orders

    @property
    def is_next(self) -> bool:
        """Whether a step would do anything that orders of this or another partition wait for."""
        return self.has_orders if self.takes_turns else self.ready

    def step(self, now: int) -> None:
        """Do the next piece of work: some events, or a slice of what is done for a version."""
        if self.has_orders and (self.takes_turns or not self.has_rows):
            self._advance(now)
        elif self.has_rows:
            self.score(now, ROWS)

    def score(self, now: int, rows: int) -> None:
        """Begin to apply a version, or score or report the next customers.

        Args:
            now: the instant that it is.
            rows: how many customers to score at most.
        """
        wanted = self._wanted()
        if wanted is not None:
            self.partition.apply(wanted)
            self._rescoring_since = time.monotonic()
        if not self.partition.rescoring:
            self.look_around(now)
            return
        self._note(self.partition.rescore(min(rows, ROWS)))
        if not self.partition.rescoring:
            self.outcome.rescored.append(time.monotonic() - self._rescoring_since)
            self.outcome.applied = True

    def look_around(self, now: int) -> None:
        """See whether the merger has to be told anything, and look at the next customers for that."""
        report = self.partition.report(now, ROWS)
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
