"""When customers are scored again, by the wall clock or by the time of events.

With the event clock a partition's time is the highest it has seen, and it is *closed* through an instant when
nothing more can come at or before it: an event at t closes what is before t, a heartbeat at t closes t too.
Whoever reaches a boundary waits there until the boundary's version is there
(``docs/decisions/0007-clocks.md``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from stream_rfm.model import instant
from stream_rfm.model.arrays import Ints
from stream_rfm.model.order import Kind
from stream_rfm.table.batch import Batch

#: How often to try, in microseconds, as long as nobody has been scored yet.
_FIRST_TRIES = 5 * instant.SECOND


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of a deployment.

    Attributes:
        mode: ``wall`` for production, ``event`` for replays.
        interval: microseconds between two rescorings.
    """

    mode: Literal["wall", "event"]
    interval: int

    @property
    def waits(self) -> bool:
        """Whether partitions wait for one another."""
        return self.mode == "event"

    def first_boundary(self, at: int) -> int:
        """The first boundary that a partition has part in whose first event is at an instant.

        The same for a heartbeat as for an order: which partition a customer is in must not decide where
        versions begin. Version 0 is of one interval before it, and no instant is before 1970.
        """
        return max(1, -(-at // self.interval)) * self.interval

    def closed_by(self, batch: Batch, before: int) -> Ints:
        """For each event the instant through which its partition is closed once it has been seen."""
        closed = batch.at - (batch.kind != Kind.HEARTBEAT)
        if len(closed):
            closed[0] = max(int(closed[0]), before)
        return np.maximum.accumulate(closed)

    def latest_tick(self, now: int, *, scored: bool) -> int:
        """With the wall clock: the last instant at which customers were due to be scored again."""
        interval = self.interval if scored else min(self.interval, _FIRST_TRIES)
        return now // interval * interval
