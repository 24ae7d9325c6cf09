"""Lets the lanes of a worker work for one transaction: whose turn it is, and for how long.

What is done for a version, scoring customers and reporting them to the merger, comes in slices. Where others
wait for it (at a boundary of the event clock, or since rules changed) it goes before orders, and all of it is
done. By the wall clock nobody waits: orders go first, and then come as many slices as one transaction may
carry; the others come with the transactions that follow.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection
from math import inf

from stream_rfm.stream.allowance import Allowance
from stream_rfm.stream.breath import Breath
from stream_rfm.stream.lane import ROWS, Lane

# So many events are worth a request of their own: Kafka writes what they make while others are counted. One
# part of each transaction, as every request costs both sides something, whatever is in it.
_A_PART = 2_000


class Turns:
    """Knows where a rescoring was interrupted, and what publishing a customer takes."""

    def __init__(self, now: Callable[[], int]) -> None:
        """Begin with no lane in particular.

        Args:
            now: says which instant it is.
        """
        self.allowance = Allowance()
        self._now = now
        self._breath = Breath()
        self._interrupted = 0
        self._scoring_since: float | None = None

    async def work(self, lanes: Collection[Lane], worked: Callable[[Lane], None]) -> AsyncIterator[None]:
        """Let every lane do what it has to, or enough for one transaction.

        Args:
            lanes: the lanes.
            worked: told each lane when its orders have had their turn.

        Yields:
            Nothing, once at most, when half of what waits has been counted, so that what that makes may be
            taken and sent while others are still to have their turn. Lanes of which that was taken may have
            more to do for a version.
        """
        self._breath = Breath()
        enough = max(_A_PART, sum(lane.waiting.records for lane in lanes) / 2)
        counted = taken = 0
        for lane in lanes:
            while lane.is_next and not lane.outcome.is_full(len(lanes)):
                lane.step(self._now())
                await self._breath.if_held()
            lane.look_around(self._now())
            await self._breath.if_held()
            worked(lane)
            counted += lane.outcome.events
            if counted >= enough and _others_wait(lanes):
                enough, taken = inf, _published(lanes)
                yield
        some = self._in_turn(lanes)
        self.allowance.begin(taken + _published(lanes), self._lasted(bool(some)))
        for lane in some:
            await self._score(lane, len(lanes))

    def _lasted(self, scoring: bool) -> float:  # noqa: FBT001 - what there is
        """For how many seconds there has been something to be scored."""
        if not scoring:
            self._scoring_since = None
            return 0.0
        now = time.monotonic()
        if self._scoring_since is None:
            self._scoring_since = now
        return now - self._scoring_since

    async def _score(self, lane: Lane, of: int) -> None:
        """Score and report customers of one lane of some, as far as the transaction may carry it."""
        while lane.has_rows and (self.allowance.left if lane.takes_turns else not lane.outcome.is_full(of)):
            began, before = time.monotonic(), lane.outcome.published
            rows = self.allowance.rows if lane.takes_turns else ROWS
            lane.score(self._now(), rows)
            self.allowance.spend(time.monotonic() - began, lane.outcome.published - before, rows)
            self._interrupted = lane.number
            await self._breath.if_held()

    def _in_turn(self, lanes: Collection[Lane]) -> list[Lane]:
        """Lanes with rows to be scored or reported, the one that was interrupted first.

        One after the other: who has done it all holds up the merger no longer, and a transaction touches few
        partitions.
        """
        some = sorted((lane for lane in lanes if lane.has_rows), key=lambda lane: lane.number)
        return sorted(some, key=lambda lane: lane.number < self._interrupted)


def _others_wait(lanes: Collection[Lane]) -> bool:
    """Whether any is still to have its turn, or to go on with it."""
    return any(lane.is_next for lane in lanes)


def _published(lanes: Collection[Lane]) -> int:
    return sum(lane.outcome.published for lane in lanes)
