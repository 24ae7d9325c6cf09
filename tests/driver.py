"""Partitions and a merger driven as a worker drives them, with every crash that a worker can have.

What a worker has in memory is lost in a crash; what it has committed is not: a partition's changelog (of each
key the last value), its position, transitions and reports in one commit, versions in another.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from events import HOUR, START, UNIT, batch_of

from stream_rfm.model import version as versions_module
from stream_rfm.model.order import Kind, OrderEvent
from stream_rfm.model.rules import Rules
from stream_rfm.model.transition import Transition
from stream_rfm.model.version import Version
from stream_rfm.offline import segments_file
from stream_rfm.table import journal
from stream_rfm.table import report as reports_module
from stream_rfm.table.batch import Batch
from stream_rfm.table.clock import Clock
from stream_rfm.table.merger import Merger
from stream_rfm.table.partition import Partition
from stream_rfm.table.restore import Restore
from stream_rfm.table.store import Changes

#: More than any test has of anything.
ALL = 10**9


def transitions_of(changes: Changes, rules: Rules) -> list[Transition]:
    return [each for moves in changes.moves for each in moves.transitions(rules.grid)]


def spread(events: Sequence[OrderEvent], partitions: int) -> list[list[OrderEvent]]:
    """Each customer's events in one partition; heartbeats in all."""
    logs: list[list[OrderEvent]] = [[] for _ in range(partitions)]
    for event in events:
        for log in logs if event.kind is Kind.HEARTBEAT else [logs[int(event.customer_id[1:]) % partitions]]:
            log.append(event)
    return logs


@dataclass
class Held:
    """A partition with what a worker has not committed of it yet."""

    log: Batch
    rules: Rules
    partition: Partition
    #: Committed: the changelog after compaction, and what others can read.
    changelog: dict[bytes, bytes] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    commits: int = 0
    #: Not yet.
    changes: Changes = field(default_factory=Changes)
    reports: list[bytes] = field(default_factory=list)

    def advance(self, count: int, now: int = 0) -> int:
        partition = self.partition
        batch = self.log[partition.position : partition.position + count]
        counted, changes = partition.advance(batch, now)
        partition.position += counted
        self.changes.add(changes)
        return counted

    def report(self, now: int = 0, rows: int | None = None) -> None:
        said = self.partition.report(now, rows)
        if said is not None:
            self.reports.append(reports_module.encode(said))

    def commit(self) -> list[bytes]:
        """Make all durable at once; returns the reports, for the topic of reports."""
        compact(self.changelog, self.partition.records(self.changes.erased))
        self.transitions += transitions_of(self.changes, self.rules)
        reports, self.reports, self.changes = self.reports, [], Changes()
        self.commits += 1
        return reports

    def crash(self) -> None:
        """Lose what is not committed, and come back from the changelog."""
        self.reports, self.changes = [], Changes()
        old = self.partition
        self.partition = restored(self.changelog, old.number, self.rules, old.clock)


def compact(changelog: dict[bytes, bytes], records: Sequence[tuple[bytes, bytes | None]]) -> None:
    """As Kafka does: of each key the last value remains, at its own place; without a value, nothing."""
    for key, value in records:
        changelog.pop(key, None)
        if value is not None:
            changelog[key] = value


def restored(changelog: dict[bytes, bytes], number: int, rules: Rules, clock: Clock) -> Partition:
    restore = Restore()
    restore.add(changelog.items())
    return Partition.restored(number, rules, clock, restore)


@contextmanager
def small_blocks(least_forgotten: int = 3) -> Iterator[None]:
    """Blocks of entries that are merged and dropped after a few entries instead of thousands."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("_SMALL", 10), ("_RUN", 3), ("_LEAST_FORGOTTEN", least_forgotten)):
            patch.setattr(journal, name, value)
        yield


class Cluster:
    """All partitions of a topic whose whole content is known, and the merger."""

    def __init__(
        self, events: Sequence[OrderEvent], rules: Rules, interval: int, partitions: int = 1
    ) -> None:
        self.rules = rules
        self.clock = Clock("event", interval)
        self._events = list(events)
        self.held = [
            Held(batch_of(log), rules, Partition(number, rules, self.clock))
            for number, log in enumerate(spread(events, partitions))
        ]
        #: Committed: the topics of reports and of versions, and where another merger would begin to read.
        self.reports: list[bytes] = []
        self.versions: list[Version] = []
        self.needed_from = 0
        self._merger = Merger(rules, self.clock, partitions, None)
        self._read = 0
        self._made: list[Version] = []

    # One step each of a worker; a schedule is a list of (number of a step, of a partition, and a size).

    def count(self, place: int, size: int) -> None:
        """Go on: with the version that is being applied, with the next version, or with events."""
        held = self.held[place]
        if not held.partition.rescoring:
            following = [version for version in self.versions if held.partition.wants(version)]
            if following:
                held.partition.apply(following[0])
        if held.partition.rescoring:
            held.changes.add(held.partition.rescore(size))
        else:
            held.advance(size)
            held.report()

    def commit(self, place: int, _size: int) -> None:
        self.reports += self.held[place].commit()

    def crash(self, place: int, _size: int) -> None:
        self.held[place].crash()

    def merge(self, _place: int, size: int) -> None:
        """Read so many reports, and make what versions can be made."""
        end = min(len(self.reports), self._read + size)
        for place in range(self._read, end):
            self._merger.offer(reports_module.decode(self.reports[place]), place)
        self._read = end
        self._made += self._merger.versions(0)

    def publish(self, _place: int, _size: int) -> None:
        """Commit the versions made; they are read back from their documents."""
        for made in self._made:
            document = versions_module.to_document(made, self.rules)
            self.versions.append(versions_module.from_document(document))
        self._made = []
        self.needed_from = self._merger.needed_from(self._read)

    def crash_merger(self, _place: int, _size: int) -> None:
        last = self.versions[-1] if self.versions else None
        self._merger = Merger(self.rules, self.clock, len(self.held), last)
        self._made, self._read = [], self.needed_from

    def change(self, rules: Rules) -> None:
        """End all workers, and start them with other rules."""
        self.rules = rules
        for place, held in enumerate(self.held):
            held.rules = rules
            self.crash(place, 0)
        self.crash_merger(0, 0)

    def run(self, schedule: Sequence[int]) -> None:
        """Do what some numbers say."""
        steps = (
            self.count,
            self.commit,
            self.count,
            self.count,
            self.merge,
            self.publish,
            self.crash,
            self.crash_merger,
        )
        for number in schedule:
            rest, step = divmod(number, len(steps))
            size, place = divmod(rest, len(self.held))
            steps[step](place, size % 8 + 1)

    def finish(self) -> None:
        """Go on, undisturbed, until nothing happens any more."""
        while True:
            before = self._progress()
            for place in range(len(self.held)):
                self.count(place, ALL)
                self.commit(place, ALL)
            self.merge(0, ALL)
            self.publish(0, ALL)
            if self._progress() == before:
                break

    def more(self, events: Sequence[OrderEvent]) -> None:
        """Put events behind those that the topic holds."""
        self._events += events
        for held, log in zip(self.held, spread(self._events, len(self.held)), strict=True):
            held.log = batch_of(log)

    def is_done(self) -> bool:
        """Whether every event has been counted."""
        return all(held.partition.position == len(held.log) for held in self.held)

    def survivor(self) -> Cluster:
        """Another cluster with nothing but what this one has committed."""
        other = copy.copy(self)
        other.reports, other.versions = list(self.reports), list(self.versions)
        other.held = [
            replace(held, changelog=dict(held.changelog), transitions=list(held.transitions))
            for held in self.held
        ]
        for place in range(len(self.held)):
            other.crash(place, 0)
        other.crash_merger(0, 0)
        return other

    def rows(self) -> list[segments_file.Row]:
        """Every customer as of the last version, as it would be exported."""
        last = self.versions[-1]
        return sorted(row for held in self.held for row in segments_file.rows(held.partition.store, last))

    def transitions(self) -> list[Transition]:
        return [each for held in self.held for each in held.transitions]

    def _progress(self) -> list[object]:
        return [
            len(self.versions),
            *((h.partition.position, h.partition.version, h.partition.waiting) for h in self.held),
        ]


class Wall:
    """Partitions by the wall clock, which is the time of the last event handed over."""

    def __init__(self, history: Sequence[OrderEvent], rules: Rules, partitions: int) -> None:
        self.clock = Clock("wall", HOUR)
        self.now = START
        self.merger = Merger(rules, self.clock, partitions, None)
        self.version: Version | None = None
        self.places = 0
        self.held = [
            Held(batch_of(log), rules, Partition(number, rules, self.clock))
            for number, log in enumerate(spread(history, partitions))
        ]

    def step(self, number: int) -> None:
        rest, what = divmod(number, 8)
        size, place = divmod(rest, len(self.held))
        held = self.held[place]
        if what in {0, 1, 2}:
            self.count(held, size % 8 + 1, rows=size % 3 + 1)
        elif what == 3:
            held.crash()
        elif what in {4, 5}:
            self.commit(held)
        else:
            held.changes.add(held.partition.rescore(size % 3 + 1))

    def count(self, held: Held, size: int, rows: int | None = None) -> None:
        """Go on with events, and with a report that is due, of which so many rows are looked at."""
        if self.version and held.partition.wants(self.version):
            held.partition.apply(self.version)
        at = held.log.at[held.partition.position :][:size]
        self.now = max([self.now, *at.tolist()])
        held.advance(size, self.now)
        held.report(self.now, rows)

    def commit(self, held: Held) -> None:
        for value in held.commit():
            self.merger.offer(reports_module.decode(value), self.places)
            self.places += 1
        for version in self.merger.versions(self.now):
            self.version = version

    def change(self, rules: Rules) -> None:
        """End all workers, and start them with other rules."""
        self.merger = Merger(rules, self.clock, len(self.held), self.version)
        for held in self.held:
            held.rules = rules
            held.crash()

    def settle(self) -> None:
        """Go on, undisturbed, until everybody stands by the rules there are."""
        while any(held.partition.rules_changed for held in self.held):
            self.now += 5 * UNIT
            self.round()

    def round(self) -> None:
        for held in self.held:
            self.count(held, ALL)
            held.changes.add(held.partition.rescore(ALL))
            held.report(self.now)
            self.commit(held)

    def finish(self) -> None:
        self.settle()
        for held in self.held:
            while held.partition.position < len(held.log):
                self.count(held, ALL)
        self.now = (self.now // HOUR + 30) * HOUR
        for _ in range(4):
            self.round()


def assert_follows(stands: dict[str, tuple[str, int]], transition: Transition) -> None:
    """A transition begins where its customer's last one ended, with the next number."""
    segment, sequence = stands.pop(transition.customer_id, (None, 0))
    assert (transition.source, transition.sequence) == (segment, sequence + 1)
    if transition.target is not None:
        stands[transition.customer_id] = transition.target, transition.sequence
