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
    NET_CUT = "net-cut"
    NET_DELAY = "net-delay"
    NET_HOLD = "net-hold"
    BROKER_KILL = "broker-kill"
    BROKER_RESTART = "broker-restart"
    BROKER_PAUSE = "broker-pause"
    COORDINATOR_KILL = "coordinator-kill"
    REDIS_KILL = "redis-kill"
    REDIS_WIPE = "redis-wipe"
    REDIS_PAUSE = "redis-pause"
    DISK_FULL = "disk-full"
    DISK_SLOW = "disk-slow"


#: How often each is chosen, against the others.
WEIGHTS = {
    Kind.KILL: 10,
    Kind.TERM: 4,
    Kind.ZOMBIE: 5,
    Kind.HICCUP: 2,
    Kind.JOIN: 2,
    Kind.NET_CUT: 4,
    Kind.NET_DELAY: 2,
    Kind.NET_HOLD: 3,
    Kind.BROKER_KILL: 1,
    Kind.BROKER_RESTART: 1,
    Kind.BROKER_PAUSE: 1,
    Kind.COORDINATOR_KILL: 1,
    Kind.REDIS_KILL: 1,
    Kind.REDIS_WIPE: 1,
    Kind.REDIS_PAUSE: 1,
    Kind.DISK_FULL: 2,
    Kind.DISK_SLOW: 1,
}
#: Those that every run has, however short.
ALWAYS = (
    Kind.KILL,
    Kind.ZOMBIE,
    Kind.KILL,
    Kind.TERM,
    Kind.NET_CUT,
    Kind.NET_HOLD,
    Kind.COORDINATOR_KILL,
    Kind.REDIS_WIPE,
)
#: A run of so many seconds has every kind.
LONG_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        at: seconds after the start.
        kind: what.
        worker: whom it hits, where it is a worker.
        lasts: seconds until it is put right.
        strength: how bad it is, from 0 to 1, where it can be more or less so.
    """

    at: float
    kind: Kind
    worker: int
    lasts: float
    strength: float


def thing(kind: Kind, worker: int) -> str | None:
    """What a fault hits of which there is only one: it is whole again before the next hits it."""
    name = kind.value.partition("-")[0]
    if name in {"broker", "coordinator", "redis"}:
        return "services"
    if name == "net":
        return f"network of {worker}"
    return name if name == "disk" else None


def plan(seed: int, seconds: float, workers: int, session_seconds: float) -> list[Fault]:
    """The faults of a run, in the order of time.

    Args:
        seed: makes the same plan again.
        seconds: how long to go on.
        workers: how many workers there are.
        session_seconds: how long a worker may be silent before its partitions are another's.
    """
    dice = random.Random(seed)
    first = [*ALWAYS, *(Kind if seconds >= LONG_SECONDS else ())]
    dice.shuffle(first)
    faults: list[Fault] = []
    at, free_at = 4.0, dict[str, float]()
    while at < seconds:
        pause = dice.choice((1.0, 3.0, 6.0) if first else (1.0, 3.0, 6.0, 9.0))
        planned = first.pop() if first else None
        kind = planned or dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        worker = dice.randrange(workers)
        hit = thing(kind, worker)
        if hit is not None and at < free_at.get(hit, 0.0):
            first = [planned, *first] if planned else first
            kind, hit = Kind.KILL, None
        lasts = _duration(dice, kind, session_seconds)
        if hit is not None:
            free_at[hit] = at + lasts + 5
        faults.append(Fault(round(at, 2), kind, worker, round(lasts, 2), round(dice.random(), 2)))
        # Mostly there is time to recover; sometimes the next comes in the middle of that.
        at += pause
    return faults


#: Seconds that a fault lasts, from and to; where there are several, one is as likely as another.
_SHORT = (0.0, 3.0)
_LASTS: dict[Kind, tuple[tuple[float, float], ...]] = {
    Kind.JOIN: ((3, 10),),
    Kind.NET_DELAY: ((3, 10),),
    # Snapshots are due only now and then.
    Kind.DISK_FULL: ((15, 30),),
    Kind.DISK_SLOW: ((15, 30),),
    # For shorter than a worker waits for an answer, or for longer.
    Kind.BROKER_PAUSE: (_SHORT, (7, 10)),
    # Now and then so long that much has to be written behind it.
    Kind.REDIS_KILL: (_SHORT, _SHORT, (5, 15)),
    Kind.REDIS_PAUSE: (_SHORT, _SHORT, (5, 15)),
}


def _duration(dice: random.Random, kind: Kind, session_seconds: float) -> float:
    if kind is Kind.ZOMBIE:
        return session_seconds + dice.uniform(1, 4)
    if kind is Kind.HICCUP:
        return session_seconds * dice.uniform(0.2, 0.7)
    if kind is Kind.NET_CUT:
        # For shorter or for longer than a session.
        return session_seconds * dice.choice((0.1, 0.5, 2.0))
    return dice.uniform(*dice.choice(_LASTS.get(kind, (_SHORT,))))
