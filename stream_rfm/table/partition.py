"""One partition: its store, its clock, and where it stands between two versions. A state machine, pure.

Whoever drives it gives it batches and versions and takes records and reports:
:mod:`stream_rfm.offline.replay` from a file, :mod:`stream_rfm.stream.writer` from Kafka.
"""

from __future__ import annotations

import msgspec
import numpy as np

from stream_rfm.model.arrays import Ints
from stream_rfm.model.order import Kind
from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table.batch import Batch
from stream_rfm.table.clock import Clock
from stream_rfm.table.fold import fold
from stream_rfm.table.journal import MARKER, Journal, Record
from stream_rfm.table.report import Report
from stream_rfm.table.rescoring import Rescoring
from stream_rfm.table.restore import ChangelogError, Restore
from stream_rfm.table.snapshot import Snapshot, copy_of
from stream_rfm.table.store import Changes, Store
from stream_rfm.table.view import summary

#: Before any version: nobody is scored.
UNSCORED = Version(0, 0)

_SCHEMA = 1
# A silence may pass many boundaries; so many of them are reported at once, while customers are few.
_FRAMES, _FRAMES_CUSTOMERS = 64, 2_000


class Marker(msgspec.Struct, array_like=True):
    """What ends every transaction of a partition in the changelog.

    Attributes:
        schema: of all records of the changelog.
        fingerprint: of the rules and the clock.
        position: the offset of the next order to be counted.
        clock: the highest time seen, an instant; by the wall clock the last that somebody was scored as of.
        rows: how many rows the customers have.
        entries_end: the sequence number that the next entry gets.
        revisions_from: where revisions of new customers begin.
        version: number, as-of, population and thresholds of the version applied; ``None`` before the first.
    """

    schema: int
    fingerprint: str
    position: int
    clock: int
    rows: int
    entries_end: int
    revisions_from: int
    version: tuple[int, int, int, list[list[int]] | None] | None


# Made here: threads that are the first to decode a type at the same time may crash msgspec 0.22.
_decode_marker = msgspec.msgpack.Decoder(Marker).decode


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
        #: With the event clock: whether the next event has to wait for a version.
        self.waiting = False
        self._journal = Journal(self.store)
        self._marked: bytes | None = None
        self._time = 0
        self._start: int | None = None
        self._start_reported = False
        self._closed = -1
        self._reported = -1
        self._rescoring: Rescoring | None = None

    @property
    def as_of(self) -> int:
        """The instant of the version that customers are scored with; 0 before the first."""
        return self.version.as_of if self.version else 0

    @property
    def fingerprint(self) -> str:
        """What markers say of the rules and the clock."""
        return self._marker().fingerprint

    @property
    def rescoring(self) -> bool:
        """Whether a version is being applied."""
        return self._rescoring is not None

    def advance(self, batch: Batch, now: int) -> tuple[int, Changes]:
        """Count events up to the next boundary.

        Args:
            batch: the next events, in the order of the topic.
            now: the instant that it is, for the wall clock.

        Returns:
            How many events were counted, and what they changed. Places of rejected events are places in
            the batch.
        """
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

    def report(self, now: int) -> Report | None:
        """What the merger has to know that it was not told yet, if anything.

        Args:
            now: the instant that it is, for the wall clock.
        """
        if self._rescoring:
            return None
        if not self.clock.waits:
            return self._report_tick(now)
        if not self.waiting:
            return None
        if self.version is None:
            return self._report_start()
        return self._report_boundaries(self.version)

    def _report_tick(self, now: int) -> Report | None:
        scored = self.version is not None and self.version.cuts is not None
        tick = self.clock.latest_tick(now, scored=scored)
        if tick <= max(self._reported, self.as_of):
            return None
        return self._report_of(range(tick, tick + 1))

    def _report_boundaries(self, version: Version) -> Report | None:
        first = version.as_of + self.clock.interval
        if first <= self._reported:
            return None
        frames = _FRAMES if self.store.customers.count <= _FRAMES_CUSTOMERS else 1
        end = min(self._closed + 1, first + frames * self.clock.interval)
        return self._report_of(range(first, end, self.clock.interval))

    def wants(self, version: Version) -> bool:
        """Whether a version is the next one to be applied."""
        if self._rescoring or (self.version is not None and version.number <= self.version.number):
            return False
        if not self.clock.waits:
            return True
        # A partition that waits at a boundary has counted all that the boundary's version has to see.
        return self.version is None or (self.waiting and version.number == self.version.number + 1)

    def apply(self, version: Version) -> None:
        """Begin to score all customers with a version; :meth:`rescore` does it."""
        self._rescoring = Rescoring(self.store, self.version or UNSCORED, version)

    def rescore(self, rows: int) -> Changes:
        """Score so many more customers with the version that is being applied."""
        if self._rescoring is None:
            return Changes()
        changes = self._rescoring.step(rows)
        if self._rescoring.done:
            self.version, self._rescoring = self._rescoring.version, None
            # Whether there is another boundary before the next event is for advance() to see.
            self.waiting = False
        return changes

    def records(self, erased: list[bytes]) -> list[Record]:
        """All that the changelog has to be told, with the marker last."""
        records = self._journal.records(erased, self.as_of)
        self._marked = msgspec.msgpack.encode(self._marker())
        return [*records, (MARKER, self._marked)]

    def snapshot(self) -> Snapshot | None:
        """A copy of what the last :meth:`records` have told, once they are committed; ``None`` before any."""
        return copy_of(self.store, self._journal, self._marked) if self._marked is not None else None

    def _fold(self, batch: Batch, as_of: Ints) -> Changes:
        real = np.flatnonzero(batch.kind != Kind.HEARTBEAT)
        version = self._rescoring.version if self._rescoring else self.version or UNSCORED
        if len(real) == len(batch):
            return fold(self.store, batch, as_of, version) if len(batch) else Changes()
        if not len(real):
            return Changes()
        changes = fold(self.store, batch.take(real), as_of[real], version)
        changes.rejected = [(int(real[place]), reason) for place, reason in changes.rejected]
        return changes

    def _report_start(self) -> Report | None:
        if self._start is None or self._start_reported:
            return None
        self._start_reported = True
        return Report(self.number, self._start, ())

    def _report_of(self, instants: range) -> Report | None:
        if not instants:
            return None
        self._reported = instants[-1]
        return Report(self.number, None, tuple((as_of, summary(self.store, as_of)) for as_of in instants))

    def _marker(self) -> Marker:
        return Marker(
            schema=_SCHEMA,
            fingerprint=_fingerprint(self.rules, self.clock),
            position=self.position,
            clock=self._time,
            rows=self.store.customers.count,
            entries_end=self.store.entries.next,
            revisions_from=self.store.customers.revisions_from,
            version=None if self.version is None else _version_value(self.version),
        )

    @classmethod
    def restored(cls, number: int, rules: Rules, clock: Clock, restore: Restore) -> Partition:
        """The partition that a changelog tells of.

        Raises:
            ChangelogError: it does not hold together, or was written by other rules or a newer release.
        """
        partition = cls(number, rules, clock)
        if restore.marker is None:
            return partition
        marker = read_marker(restore.marker)
        partition._marked = restore.marker
        if marker.fingerprint != _fingerprint(rules, clock):
            raise ChangelogError(
                "The state was made by other rules (levels, grid, window, quantiles, thresholds, "
                "dedupe_days, min_customers, currency or clock): go back to those, or choose another "
                "STREAM_RFM_APP_ID to start anew."
            )
        partition.position = marker.position
        partition._time = marker.clock
        if marker.version is not None:
            number_, as_of, population, thresholds = marker.version
            partition.version = Version(number_, as_of, population, _cuts(thresholds))
        partition.store, partition._journal = restore.finish(
            rules, marker.rows, marker.entries_end, partition.as_of, marker.revisions_from
        )
        return partition


def read_marker(value: bytes) -> Marker:
    """What a marker says.

    Raises:
        ChangelogError: it cannot be read, or a newer release wrote it.
    """
    try:
        marker = _decode_marker(value)
    except msgspec.DecodeError as error:
        raise ChangelogError(f"The changelog's marker cannot be read: {error}.") from None
    if marker.schema != _SCHEMA:
        raise ChangelogError(
            f"The changelog has schema {marker.schema} and this release reads {_SCHEMA}: use a newer release."
        )
    return marker


def _fingerprint(rules: Rules, clock: Clock) -> str:
    # Partitions that stopped at different boundaries meet again only if the distance stays the same.
    return f"{rules.fingerprint()}-{clock.mode}" + (f"-{clock.interval}" if clock.waits else "")


def _version_value(version: Version) -> tuple[int, int, int, list[list[int]] | None]:
    thresholds = None if version.cuts is None else [list(cuts.thresholds) for cuts in version.cuts]
    return version.number, version.as_of, version.population, thresholds


def _cuts(thresholds: list[list[int]] | None) -> tuple[CutPoints, CutPoints, CutPoints] | None:
    if thresholds is None:
        return None
    recency, frequency, monetary = (CutPoints.of_thresholds(values) for values in thresholds)
    return recency, frequency, monetary
