"""One partition: its store, its clock, and where it stands between two versions. A state machine, pure.

Whoever drives it gives it batches and versions and takes records and reports:
:mod:`stream_rfm.offline.replay` from a file, :mod:`stream_rfm.stream.writer` from Kafka.
"""

from __future__ import annotations

import msgspec
import numpy as np

from stream_rfm.model.arrays import Ints
from stream_rfm.model.order import Kind
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table.batch import Batch
from stream_rfm.table.clock import Clock
from stream_rfm.table.fold import fold
from stream_rfm.table.former import Former
from stream_rfm.table.journal import MARKER, Journal, Record, Told
from stream_rfm.table.marker import SCHEMA, Marker, read_marker, version_value
from stream_rfm.table.report import Report
from stream_rfm.table.reporting import Draft, Reporting
from stream_rfm.table.rescoring import Rescoring
from stream_rfm.table.restore import Restore
from stream_rfm.table.rules_in_force import RulesInForce
from stream_rfm.table.snapshot import Snapshot, copy_of
from stream_rfm.table.store import Changes, Store

#: Before any version: nobody is scored.
UNSCORED = Version(0, 0)
_HEARTBEAT = int(Kind.HEARTBEAT)


class Partition:
    """A partition of the orders, with all its customers."""

    def __init__(self, number: int, rules: Rules, clock: Clock) -> None:
        """Start empty, at the beginning of the topic."""
        self.number = number
        self.rules = rules
        self.clock = clock
        self.store = Store(rules)
        #: The offset of the next record to be counted.
        self.position = 0
        #: The version that customers are scored with; ``None`` before the first.
        self.version: Version | None = None if clock.waits else UNSCORED
        #: Whether the next event has to wait for a version: with the event clock, or since rules changed.
        self.waiting = False
        self._in_force = RulesInForce(rules, clock)
        self._journal = Journal(self.store)
        self._marked: bytes | None = None
        self._time = 0
        self._start: int | None = None
        self._closed = -1
        self._reporting = Reporting(number, clock, rules.fingerprint())
        self._rescoring: Rescoring | None = None
        self._draft: Draft | None = None

    @property
    def as_of(self) -> int:
        """The instant of the version that customers are scored with; 0 before the first."""
        return self.version.as_of if self.version else 0

    @property
    def rules_changed(self) -> bool:
        """Whether customers may still stand by other rules; until they do not, no event is counted."""
        return self._in_force.changed

    @property
    def rescoring(self) -> bool:
        """Whether a version is being applied."""
        return self._rescoring is not None

    @property
    def reporting(self) -> bool:
        """Whether a report is in the making."""
        return self._draft is not None

    def advance(self, batch: Batch, now: int) -> tuple[int, Changes]:
        """Count events up to the next boundary.

        Args:
            batch: the next events, in the order of the topic.
            now: the instant that it is, for the wall clock.

        Returns:
            How many events were counted, and what they changed. Places of rejected events are places in
            the batch.
        """
        if self.rules_changed:
            return 0, Changes()
        if not self.clock.waits:
            self._time = self.not_before(now)
            return len(batch), self._fold(batch, np.full(len(batch), self._time))
        if not len(batch):
            self.waiting = False
            return 0, Changes()
        if self.version is None:
            if self._start is None:
                self._start = self.clock.first_boundary(int(batch.at[0]))
            self.waiting = True
            return 0, Changes()
        closed = self.clock.closed_by(batch, self._closed)
        boundary = self.version.as_of + self.clock.interval
        count = int(np.searchsorted(closed, boundary))
        self.waiting = count < len(batch)
        if count:
            time = np.maximum.accumulate(np.maximum(batch.at[:count], self._time))
            self._time = int(time[-1])
            changes = self._fold(batch[:count], time)
        else:
            changes = Changes()
        self._closed = int(closed[min(count, len(closed) - 1)])
        return count, changes

    def not_before(self, now: int) -> int:
        """The instant that it is; by the wall clock, which may be set back, none before the last one here."""
        version = self._rescoring.version if self._rescoring else self.version or UNSCORED
        return now if self.clock.waits else max(now, self._time, version.as_of)

    def report(self, now: int, rows: int | None = None) -> Report | None:
        """What the merger has to know that it was not told yet, if anything.

        Args:
            now: the instant that it is, for the wall clock.
            rows: of how many customers to look at; with ``None`` at all. A report of more is in the making
                until this was called often enough.
        """
        if self._draft is None:
            self._draft = self._due(now)
        report = None
        while self._draft is not None and report is None:
            report = self._draft.step(rows or 1 + self.store.customers.count)
            if rows is not None:
                break
        if report is not None:
            self._reporting.told(report)
            self._draft = None
        return report

    def wants(self, version: Version) -> bool:
        """Whether a version is the next one to be applied."""
        if self._rescoring or (self.version is not None and version.number <= self.version.number):
            return False
        if not self.clock.waits:
            return self._in_force.made(version)
        if not self._in_force.made(version) and self.version is not None:
            return version.number == self.version.number + 1
        # A partition that waits at a boundary has counted all that the boundary's version has to see.
        return self.version is None or (self.waiting and version.number == self.version.number + 1)

    def apply(self, version: Version) -> None:
        """Begin to score all customers with a version; :meth:`rescore` does it.

        With the event clock a version of other rules is only passed: it was made after all that it had to
        see was counted here, and the next one by our rules scores everybody anew.
        """
        # It would be of a state that is no more; what is still due then is reported when this is done.
        self._draft = None
        if not self._in_force.made(version):
            if not self.rules_changed:
                self.waiting = True
            forgotten = self._in_force.passed(version, self._marker())
            self.version = version
            self.store.forget(forgotten)
            return
        self._in_force.begin(version)
        before = self.version or UNSCORED
        self._rescoring = Rescoring(self.store, before, version, config=self.rules_changed)

    def rescore(self, rows: int) -> Changes:
        """Score so many more customers with the version that is being applied."""
        if self._rescoring is None:
            return Changes()
        changes = self._rescoring.step(rows)
        if self._rescoring.done:
            self.version, self._rescoring = self._rescoring.version, None
            self.store.former = None
            self._in_force.scored()
            # Whether there is another boundary before the next event is for advance() to see.
            self.waiting = False
        return changes

    def records(self, erased: list[bytes]) -> list[Record]:
        """All that the changelog has to be told, with the marker last."""
        return self.told(erased).records(self.store.customers)

    def told(self, erased: list[bytes]) -> Told:
        """The same, with customers in columns."""
        version = self.version or UNSCORED
        forgotten = version.as_of if self._in_force.forgets(version) else 0
        told = self._journal.told(erased, forgotten, more=self.number)
        self._marked = msgspec.msgpack.encode(self._marker())
        told.behind.append((MARKER, self._marked))
        return told

    def snapshot(self) -> Snapshot | None:
        """A copy of what the last :meth:`records` told, once committed; none while rules change."""
        if self._marked is None or self.rules_changed:
            return None
        return copy_of(self.store, self._journal, self._marked)

    def _due(self, now: int) -> Draft | None:
        """The report that the merger is to get next."""
        if self._rescoring:
            return None
        reporting, again = self._reporting, self.rules_changed
        if not self.clock.waits:
            return reporting.tick(self.store, self.version or UNSCORED, now, again=again)
        if not self.waiting:
            return None
        if self.version is None:
            return None if self._start is None else reporting.start(self.store, self._start)
        if again:
            return reporting.again(self.store, self.version)
        return reporting.boundaries(self.store, self.version, self._closed)

    def _fold(self, batch: Batch, as_of: Ints) -> Changes:
        if (batch.kind == _HEARTBEAT).any():
            real = np.flatnonzero(batch.kind != _HEARTBEAT)  # they are nobody's
            changes = self._fold(batch.take(real), as_of[real])
            changes.rejected = [(int(real[place]), reason) for place, reason in changes.rejected]
            return changes
        if not len(batch):
            return Changes()
        if not self._rescoring:
            return fold(self.store, batch, as_of, self.version or UNSCORED)
        changes = self._rescoring.ahead(self.store.customers.find(batch.digest))
        changes.add(fold(self.store, batch, as_of, self._rescoring.version))
        return changes

    def _marker(self) -> Marker:
        marker = Marker(
            schema=SCHEMA,
            fingerprint="",
            position=self.position,
            clock=self._time,
            rows=self.store.customers.count,
            entries_end=self.store.entries.next,
            revisions_from=self.store.customers.revisions_from,
            version=None if self.version is None else version_value(self.version),
            forgotten=self.store.forgotten,
        )
        return self._in_force.marked(marker, scoring=self._rescoring is not None)

    @classmethod
    def restored(cls, number: int, rules: Rules, clock: Clock, restore: Restore) -> Partition:
        """The partition that a changelog tells of.

        Raises:
            ChangelogError: it does not hold together, was written by a newer release, or cannot go on by
                these rules.
        """
        partition = cls(number, rules, clock)
        if restore.marker is None:
            return partition
        marker = read_marker(restore.marker)
        marker.check(rules, clock)
        partition._marked = restore.marker
        partition.position = marker.position
        partition._time = marker.clock
        partition.version = marker.applied or partition.version
        partition.store, partition._journal = restore.finish(
            rules,
            marker.rows,
            marker.entries_end,
            partition.as_of,
            marker.revisions_from,
            forgotten=marker.forgotten_by(rules, clock),
        )
        former = partition._in_force.go_on(marker)
        if former is not None:
            partition.waiting = True
            store = partition.store
            store.former = Former(store.customers, store.entries, *former)
        return partition
