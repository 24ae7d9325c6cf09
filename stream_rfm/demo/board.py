"""What has been seen so far: who is in which segment and how they came there. Nothing is drawn here."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from stream_rfm.client import SegmentTransition
from stream_rfm.demo.errors import DemoError

_RATE_SECONDS = 4.0
_LATEST = 50


class Move(NamedTuple):
    """A transition, as far as it is shown; a whole one takes kilobytes, and there are tens of thousands."""

    customer: str
    source: str | None
    target: str | None
    direction: str
    cause: str
    at: datetime

    @classmethod
    def of(cls, transition: SegmentTransition) -> Move:
        """The part of a transition that is shown."""
        return cls(
            transition.customer_id,
            transition.source,
            transition.target,
            transition.direction,
            transition.cause,
            transition.effective_at,
        )


@dataclass
class Board:
    """The state of a demo.

    Attributes:
        segments: the names of all segments, the best first.
        total: how many orders there are.
        started: when the first order was sent, in seconds of the monotonic clock, as all instants here that
            are no event time.
        orders: how many have been counted and committed.
        as_of: the event time that customers are scored as of, in microseconds since 1970; ``None`` at first.
        moves: every customer's transitions.
        counts: how many customers are in each segment, by what transitions said.
        transitions: how many there were.
        latest: the last ones, the very last at the end.
        changed: when anything of this changed last.
    """

    segments: Sequence[str]
    total: int
    started: float
    orders: int = 0
    as_of: int | None = None
    moves: dict[str, list[Move]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    transitions: int = 0
    latest: deque[Move] = field(default_factory=lambda: deque(maxlen=_LATEST))
    changed: float = 0.0
    _reached: deque[tuple[float, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.changed = self.started

    def take(self, transitions: Iterable[SegmentTransition], now: float) -> None:
        """Take what arrived.

        Raises:
            DemoError: a transition is missing, came twice, or does not begin where the one before ended.
        """
        for each in transitions:
            before = self.moves.setdefault(each.customer_id, [])
            left = before[-1].target if before else None
            if (each.sequence, each.source) != (len(before) + 1, left):
                raise DemoError(
                    f"Customer {each.customer_id} left {each.source} with transition {each.sequence}, where "
                    f"transition {len(before) + 1} was to come, out of {left}: some were lost or came twice."
                )
            move = Move.of(each)
            before.append(move)
            self._count(move)
            self.latest.append(move)
            self.transitions += 1
            self.changed = now

    def reach(self, orders: int, as_of: int | None, now: float) -> None:
        """Note how far the worker has come."""
        if (orders, as_of) != (self.orders, self.as_of):
            self.orders, self.as_of, self.changed = orders, as_of, now
        self._reached.append((now, orders))
        while now - self._reached[0][0] > _RATE_SECONDS:
            self._reached.popleft()

    @property
    def rate(self) -> float:
        """Orders per second, of late."""
        if len(self._reached) < 2:
            return 0.0
        (since, before), (now, orders) = self._reached[0], self._reached[-1]
        return (orders - before) / (now - since) if now > since else 0.0

    @property
    def seconds(self) -> float:
        """From the first order to whatever happened last."""
        return self.changed - self.started

    def _count(self, move: Move) -> None:
        if move.source is not None:
            self.counts[move.source] -= 1
        if move.target is not None:
            self.counts[move.target] += 1

    @property
    def populated(self) -> dict[str, int]:
        """How many customers are in each segment that has some, the best segment first."""
        return {name: self.counts[name] for name in self.segments if self.counts[name]}
