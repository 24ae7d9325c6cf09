"""Partitions of which nothing more is fetched for a while, as much of them waits to be counted."""

from __future__ import annotations

from collections.abc import Callable

from stream_rfm.stream.lane import Lane


class HoldingBack:
    """Holds partitions back, and lets them go on.

    Attributes:
        pause: has a partition no longer fetched; set by the composition root.
        resume: has it fetched again; likewise.
    """

    pause: Callable[[int], None]
    resume: Callable[[int], None]

    def __init__(self) -> None:
        self._held: set[int] = set()

    def hold(self, lane: Lane) -> None:
        """Fetch no more of a lane's partition where much of it waits."""
        if lane.waiting.is_much and lane.number not in self._held:
            self._held.add(lane.number)
            self.pause(lane.number)

    def let_go(self, lane: Lane) -> None:
        """Fetch a lane's partition again where little of it waits."""
        if lane.number in self._held and lane.waiting.is_little:
            self._held.discard(lane.number)
            self.resume(lane.number)

    def forget(self) -> None:
        """Hold none back: partitions have moved, and begin to be fetched anew."""
        self._held.clear()
