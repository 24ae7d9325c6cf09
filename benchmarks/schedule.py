"""When which order is due: known beforehand to whoever sends it, and to whoever waits for what follows.

The loop is open: an order is due at its instant whatever became of those before, and what is waited for it
counts from then. So a worker or a feeder that stands still does not hide the orders that it keeps waiting.
"""

from __future__ import annotations

import sys

import msgspec


class Schedule(msgspec.Struct, frozen=True):
    """Orders at a steady rate: of known customers, by Zipf's law, and regularly of one who never ordered.

    Attributes:
        run: what the ids of its orders begin with, and the names of its new customers.
        topic: where they go.
        partitions: the partitions of the topic.
        rate: orders a second.
        seconds: for so long.
        customers: how many known customers there are.
        new_every: each so-manyth order is of a new customer, whose first transition it makes.
        only: the only partition that orders go to; -1: to all.
    """

    run: str
    topic: str
    partitions: int
    rate: float
    seconds: float
    customers: int
    new_every: int = 10
    only: int = -1

    @property
    def count(self) -> int:
        """How many orders there are."""
        return round(self.rate * self.seconds)

    def name(self, number: int, known: int) -> tuple[bytes, int]:
        """Whose order it is, given the known customer whose it may be: a name's beginning and its number."""
        return (b"c", known) if number % self.new_every else (self.new_name, number)

    @property
    def new_name(self) -> bytes:
        """What the names of new customers begin with."""
        return f"new-{self.run}".encode()


def read_argument() -> Schedule:
    """The schedule that a process was started with."""
    return msgspec.json.decode(sys.argv[1], type=Schedule)


def wait_for_start() -> float:
    """Say that this process is ready, and wait for the instant, in seconds since 1970, of order number 0."""
    print("ready", flush=True)
    return float(sys.stdin.readline())
