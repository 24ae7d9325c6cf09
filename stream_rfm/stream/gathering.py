"""Outcomes of many partitions into the work of one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from stream_rfm.kafka.topics import Topics
from stream_rfm.model.version import Version
from stream_rfm.stream import columns
from stream_rfm.stream.batches import Message
from stream_rfm.stream.breath import Breath, breathe
from stream_rfm.stream.lane import Lane
from stream_rfm.stream.merging import Merging
from stream_rfm.stream.outcome import Outcome
from stream_rfm.stream.publication import Publication, dead_letter, living
from stream_rfm.stream.work import Work
from stream_rfm.table import report as reports
from stream_rfm.table.former import Former
from stream_rfm.table.journal import Record
from stream_rfm.table.moves import Moves

T = TypeVar("T")

# The event loop gets its turn after so many transitions, some ten milliseconds.
_SLICE = 2_000


class Gathering:
    """Knows which topic takes what."""

    def __init__(self, topics: Topics, publication: Publication) -> None:
        self.topics = topics
        self._publication = publication

    async def work_of(
        self,
        outcomes: Sequence[tuple[Lane, Outcome]],
        made: Sequence[Version],
        offsets: dict[tuple[str, int], int],
        detected_at: int,
    ) -> Work:
        """All records of a transaction, and the offsets that they follow from.

        Args:
            outcomes: what partitions have done.
            made: versions to be published.
            offsets: those of :meth:`offsets_of`.
            detected_at: the instant that it is.
        """
        work = Work(offsets=offsets)
        if columns.is_compiled():
            await self._write(work, outcomes, detected_at)
        else:
            await self._put_transitions(work, outcomes, detected_at)
            await self._put_segments(work, outcomes)
            for lane, outcome in outcomes:
                changelog = [*outcome.changelog, *lane.partition.records(outcome.erased)]
                work.put(self.topics.changelog.name, lane.number, _messages(changelog))
        for lane, outcome in outcomes:
            self._put_the_rest(work, lane, outcome)
        if made:
            work.put(self.topics.quantiles.name, 0, [self._publication.version(version) for version in made])
        return work

    def offsets_of(
        self, outcomes: Sequence[tuple[Lane, Outcome]], made: Sequence[Version], merging: Merging
    ) -> dict[tuple[str, int], int]:
        """The offsets that a transaction's records follow from.

        Args:
            outcomes: what partitions have done.
            made: versions to be published.
            merging: where the versions come from.
        """
        # Every transaction carries offsets, even where none moved: they are what fences a zombie.
        offsets = {(self.topics.orders.name, lane.number): lane.partition.position for lane, _ in outcomes}
        if made:
            offsets[self.topics.summaries.name, 0] = merging.needed_from()
        return offsets

    async def _write(self, work: Work, outcomes: Sequence[tuple[Lane, Outcome]], detected_at: int) -> None:
        """Put transitions, segments and what the changelog is told, in the order that :meth:`work_of` has."""
        breath = Breath()
        for lane, outcome in outcomes:
            for part in self._parts(work, lane, outcome, detected_at):
                for _ in part:
                    await breath.if_held()

    def _parts(self, work: Work, lane: Lane, outcome: Outcome, detected_at: int) -> Iterator[Iterator[None]]:
        """What writes the records of one partition, topic by topic, each to be run to its end."""
        topics, number, store = self.topics, lane.number, lane.partition.store
        publication, written, changes = self._publication, self._publication.columns, outcome.changes
        for moves in changes.moves:
            records = work.records_of(topics.transitions.name, number)
            if moves.former is None:
                yield written.transitions(records, moves, detected_at)
            else:
                records.add(publication.transitions(moves, detected_at))
        if changes.erased:
            work.put(topics.segments.name, number, list(publication.erased(changes.erased)))
        if changes.changed and store.former is None:
            records = work.records_of(topics.segments.name, number)
            yield written.segments(records, store, changes.rows(), number)
        elif changes.changed:
            rows = living(store, changes.rows())
            work.put(topics.segments.name, number, publication.segments([(store, rows, number)])[0])
        told = lane.partition.told(outcome.erased)
        records = work.records_of(topics.changelog.name, number)
        records.add(_messages([*outcome.changelog, *told.before]))
        yield written.customers(records, store, told.rows, told.through)
        records.add(_messages(told.behind))

    async def _put_transitions(
        self, work: Work, outcomes: Sequence[tuple[Lane, Outcome]], detected_at: int
    ) -> None:
        parts = [
            (lane.number, moves[start : start + _SLICE] if len(moves) > _SLICE else moves)
            for lane, outcome in outcomes
            for moves in outcome.changes.moves
            for start in range(0, len(moves), _SLICE)
        ]
        for group in _together(parts, lambda part: len(part[1]), lambda part: part[1].former):
            joined = Moves.joined([moves for _, moves in group])
            messages = self._publication.transitions(joined, detected_at)
            end = 0
            for number, moves in group:
                start, end = end, end + len(moves)
                work.put(self.topics.transitions.name, number, messages[start:end])
            await breathe()

    async def _put_segments(self, work: Work, outcomes: Sequence[tuple[Lane, Outcome]]) -> None:
        name, parts = self.topics.segments.name, []
        for lane, outcome in outcomes:
            changes, store = outcome.changes, lane.partition.store
            if changes.erased:
                work.put(name, lane.number, list(self._publication.erased(changes.erased)))
            if changes.changed:
                rows = living(store, changes.rows())
                parts += [
                    (store, rows[start : start + _SLICE], lane.number)
                    for start in range(0, len(rows), _SLICE)
                ]
        for group in _together(parts, lambda part: len(part[1]), lambda part: part[0].former):
            for (_, _, number), messages in zip(group, self._publication.segments(group), strict=True):
                work.put(name, number, messages)
            await breathe()

    def _put_the_rest(self, work: Work, lane: Lane, outcome: Outcome) -> None:
        topics, number = self.topics, lane.number
        letters = [
            dead_letter(topics.orders.name, number, record, reason) for record, reason in outcome.dead_letters
        ]
        work.put(topics.dead_letters.name, number, letters)
        if outcome.report is not None:
            key = str(number).encode()
            work.put(topics.summaries.name, 0, [(key, reports.encode(outcome.report), [])])


def _messages(records: Sequence[Record]) -> list[Message]:
    return [(key, value, []) for key, value in records]


def _together(
    parts: Sequence[T], size: Callable[[T], int], former: Callable[[T], Former | None]
) -> Iterator[list[T]]:
    """Put parts together up to a slice; what they take by themselves is most of what a small one takes."""
    group: list[T] = []
    total = 0
    for part in parts:
        if group and (total + size(part) > _SLICE or former(part) is not former(group[0])):
            yield group
            group, total = [], 0
        group.append(part)
        total += size(part)
    if group:
        yield group
