"""What goes wrong and when: a schedule that is a function of its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can go wrong."""

    KILL = "kill"
    TERM = "term"
    ZOMBIE = "zombie"
    HICCUP = "hiccup"
    JOIN = "join"
    BROKER_KILL = "broker-kill"
    BROKER_RESTART = "broker-restart"
    BROKER_PAUSE = "broker-pause"
    REDIS_KILL = "redis-kill"
    REDIS_WIPE = "redis-wipe"
    REDIS_PAUSE = "redis-pause"


#: How often each is chosen, against the others.
WEIGHTS = {
    Kind.KILL: 10,
    Kind.TERM: 4,
    Kind.ZOMBIE: 5,
    Kind.HICCUP: 2,
    Kind.JOIN: 2,
    Kind.BROKER_KILL: 1,
    Kind.BROKER_RESTART: 1,
    Kind.BROKER_PAUSE: 1,
    Kind.REDIS_KILL: 1,
    Kind.REDIS_WIPE: 1,
    Kind.REDIS_PAUSE: 1,
}
#: Those that every run has, however short.
ALWAYS = (Kind.KILL, Kind.ZOMBIE, Kind.KILL, Kind.TERM, Kind.REDIS_WIPE)
#: Those of which one is over before the next begins: there is one broker, and one Redis.
ALONE = {kind for kind in Kind if kind.value.startswith(("broker", "redis"))}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        at: seconds after the start.
        kind: what.
        worker: whom it hits, where it is a worker.
        lasts: seconds until it is put right.
    """

    at: float
    kind: Kind
    worker: int
    lasts: float


def plan(seed: int, seconds: float, workers: int, session_seconds: float) -> list[Fault]:
    """The faults of a run, in the order of time.

    Args:
        seed: makes the same plan again.
        seconds: how long to go on.
        workers: how many workers there are.
        session_seconds: how long a worker may be silent before its partitions are another's.
    """
    dice = random.Random(seed)
    first = list(ALWAYS)
    dice.shuffle(first)
    faults: list[Fault] = []
    at, free_at = 4.0, 0.0
    while at < seconds:
        kind = first.pop() if first else dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if kind in ALONE and at < free_at:
            kind = Kind.KILL
        lasts = _duration(dice, kind, session_seconds)
        if kind in ALONE:
            free_at = at + lasts + 5
        faults.append(Fault(round(at, 2), kind, dice.randrange(workers), round(lasts, 2)))
        # Mostly there is time to recover; sometimes the next comes in the middle of that.
        at += dice.choice((1.0, 3.0, 6.0, 9.0))
    return faults


def _duration(dice: random.Random, kind: Kind, session_seconds: float) -> float:
    if kind is Kind.ZOMBIE:
        return session_seconds + dice.uniform(1, 4)
    if kind is Kind.HICCUP:
        return session_seconds * dice.uniform(0.2, 0.7)
    if kind is Kind.JOIN:
        return dice.uniform(3, 10)
    return dice.uniform(0, 3)
