"""Outcomes of many partitions into the work of one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from stream_rfm.kafka.topics import Topics
from stream_rfm.model.version import Version
from stream_rfm.stream.lane import Lane
from stream_rfm.stream.merging import Merging
from stream_rfm.stream.outcome import Outcome
from stream_rfm.stream.publication import Publication, dead_letter, living
from stream_rfm.stream.transaction import Work
from stream_rfm.table import report as reports

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
        merging: Merging,
        detected_at: int,
    ) -> Work:
        """All records of a transaction, and the offsets that they follow from.

        Args:
            outcomes: what partitions have done.
            made: versions to be published.
            merging: where the versions come from.
            detected_at: the instant that it is.
        """
        work = Work()
        for lane, outcome in outcomes:
            await self._put(work, lane, outcome, detected_at)
            # Every transaction carries offsets, even where none moved: they are what fences a zombie.
            work.offsets[self.topics.orders.name, lane.number] = lane.partition.position
        if made:
            work.put(self.topics.quantiles.name, 0, [self._publication.version(version) for version in made])
            work.offsets[self.topics.summaries.name, 0] = merging.needed_from()
        return work

    async def _put(self, work: Work, lane: Lane, outcome: Outcome, detected_at: int) -> None:
        topics, number, store = self.topics, lane.number, lane.partition.store
        changes = outcome.changes
        for moves in changes.moves:
            for start in range(0, len(moves), _SLICE):
                part = moves[start : start + _SLICE]
                work.put(topics.transitions.name, number, self._publication.transitions(part, detected_at))
                await asyncio.sleep(0)
        work.put(topics.segments.name, number, list(self._publication.erased(changes.erased)))
        rows = living(store, changes.rows())
        for start in range(0, len(rows), _SLICE):
            part_of_rows = rows[start : start + _SLICE]
            work.put(topics.segments.name, number, self._publication.segments(store, part_of_rows, number))
            await asyncio.sleep(0)
        work.put(
            topics.dead_letters.name,
            number,
            [
                dead_letter(topics.orders.name, number, record, reason)
                for record, reason in outcome.dead_letters
            ],
        )
        if outcome.report is not None:
            key = str(number).encode()
            work.put(topics.summaries.name, 0, [(key, reports.encode(outcome.report), [])])
        changelog = [*outcome.changelog, *lane.partition.records(outcome.erased)]
        work.put(topics.changelog.name, number, [(key, value, []) for key, value in changelog])
