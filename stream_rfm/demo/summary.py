"""What a demo says at its end, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from textwrap import wrap
from typing import Any

from stream_rfm.client import CustomerSegment, Freshness
from stream_rfm.demo import story
from stream_rfm.demo.board import Move

_WIDTH = 79
_BAR = 40


@dataclass(frozen=True)
class Summary:
    """A demo that went well.

    Attributes:
        customers: how many there are.
        orders: how many were counted.
        transitions: how many changes of segment came out of them.
        segments: how many customers are in each segment that has some, the best first.
        as_of: the instant that this holds for, ISO 8601.
        seconds: from the first order to the last transition.
        moves: the transitions of one of the customers.
        answer: what the cache says about that customer.
        fresh: how fresh the cache says that answer is.
    """

    customers: int
    orders: int
    transitions: int
    segments: dict[str, int]
    as_of: str
    seconds: float
    moves: Sequence[Move]
    answer: CustomerSegment
    fresh: Freshness

    @property
    def rate(self) -> float:
        """Orders per second."""
        return self.orders / self.seconds

    def document(self) -> dict[str, Any]:
        """The summary for a program."""
        return {
            "customers": self.customers,
            "orders": self.orders,
            "transitions": self.transitions,
            "segments": self.segments,
            "as_of": self.as_of,
            "seconds": round(self.seconds, 3),
            "orders_per_second": round(self.rate, 1),
            "example": {
                "customer_id": self.answer.customer_id,
                "segment": self.answer.segment,
                "code": self.answer.code,
                "as_of": _iso(self.fresh.as_of),
                "quantiles_version": self.fresh.quantiles_version,
                "transitions": [
                    {"from": move.source, "to": move.target, "cause": move.cause, "at": _iso(move.at)}
                    for move in self.moves
                ],
            },
        }

    def lines(self) -> list[str]:
        """The summary for people, in lines of 79 characters at most."""
        answer = self.answer
        who = f"{self.orders:,} orders of {self.customers:,} customers"
        pace = f"{self.seconds:.1f} s ({self.rate:,.0f} orders/s)"
        return [
            f"{who} in {pace}, {self.transitions:,} transitions.",
            "",
            f"Segments as of {self.as_of}:",
            *self._table(),
            *wrap(
                "Every customer's segment is the same by the transitions that were read from Kafka, in the "
                "exported state and in the cache.",
                _WIDTH,
            ),
            "",
            *wrap(story.sentence(self.moves), _WIDTH),
            *wrap(
                f"The cache says of {answer.customer_id}: {answer.segment}, code {answer.code}, and that "
                f"this holds as of {self.fresh.as_of:%Y-%m-%d}, version {self.fresh.quantiles_version}.",
                _WIDTH,
            ),
        ]

    def _table(self) -> list[str]:
        most = max(self.segments.values())
        return [
            f"  {name:<20}{count:>7,}  {'█' * round(_BAR * count / most)}".rstrip()
            for name, count in self.segments.items()
        ]


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
