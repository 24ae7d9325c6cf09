"""What the steps of a lane have to write with the next transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stream_rfm.model.arrays import Ints
from stream_rfm.model.order import Kind, Rejected
from stream_rfm.stream.waiting import size_of
from stream_rfm.table.journal import Record
from stream_rfm.table.report import Report
from stream_rfm.table.store import Changes

# What one transaction holds of one partition at most, but for what the last step adds.
_MOST_TRANSITIONS, _MOST_PUBLISHED = 8_000, 50_000
# So many events of all partitions together, and of each of many not fewer than the second: a transaction
# costs much the same whatever is in it, and a worker of few partitions would pay that more often.
_MOST_EVENTS, _EVENTS_EACH = 64_000, 8_000
# A dead letter is the untouched record, however large it is.
_MOST_DEAD_LETTERS, _MOST_DEAD_BYTES = 8_000, 8 << 20


@dataclass(slots=True)
class Outcome:
    """What a lane's steps have to write with the next transaction.

    Attributes:
        changes: transitions, changed rows and erased customers.
        dead_letters: records refused, with the reason.
        dead_bytes: what those records take.
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
    dead_bytes: int = 0
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

    def is_full(self, partitions: int) -> bool:
        """Whether it is enough for one transaction of a worker that has so many partitions."""
        return (
            self.events >= max(_EVENTS_EACH, _MOST_EVENTS // partitions)
            or len(self.dead_letters) >= _MOST_DEAD_LETTERS
            or self.dead_bytes >= _MOST_DEAD_BYTES
            or self.transitions >= _MOST_TRANSITIONS
            or self.published >= _MOST_PUBLISHED
        )

    def refuse(self, letters: Sequence[tuple[Any, Rejected]]) -> None:
        """Take dead letters behind those already there."""
        self.dead_letters += letters
        self.dead_bytes += sum(size_of(record) for record, _ in letters)
