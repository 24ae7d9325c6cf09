"""Transitions: a customer leaves one segment for another, once, for a cause."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from stream_rfm.model import instant, money, scoring
from stream_rfm.model.era import Era
from stream_rfm.model.grid import LAPSED, PROSPECT, UNSCORED, Grid
from stream_rfm.model.rules import Rules


class Cause(StrEnum):
    """Why a customer changed segment."""

    ORDER = "order"
    REFUND = "refund"
    CANCEL = "cancel"
    DECAY = "decay"
    QUANTILES = "quantiles"
    CONFIG = "config"
    BACKFILL = "backfill"
    ERASE = "erase"


class Direction(StrEnum):
    """Where a transition leads in the grid's order of value."""

    UP = "up"
    DOWN = "down"
    LATERAL = "lateral"
    ENTERED = "entered"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a customer stands at an instant.

    Attributes:
        r: score of recency, 1 to n with n best; 0 in a reserved segment. Likewise ``f`` and ``m``.
        recency: age of the last purchase in microseconds; ``None`` if there never was one.
        frequency: purchases inside the window.
        monetary: purchases minus refunds inside the window, in millionths.
    """

    r: int
    f: int
    m: int
    recency: int | None
    frequency: int
    monetary: int


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of segment.

    Attributes:
        customer_id: who.
        sequence: which of this customer's transitions it is, from 1.
        source: the segment left; ``None`` the first time.
        target: the segment entered; ``None`` when the customer is erased.
        cause: why.
        order_id: the order that the causing event names, where there is one.
        before: how the customer stood, ``None`` the first time.
        after: how the customer stands, ``None`` when erased.
        quantiles_version: the version scored with.
        effective_at: the instant that the change holds from.
        revision: what tells it from a transition of a customer of the same name who was erased; known where
            the transition is made, and not published.
        era: the rules that the customer was scored by before, where they are no longer ours.
    """

    customer_id: str
    sequence: int
    source: str | None
    target: str | None
    cause: Cause
    order_id: str | None
    before: Standing | None
    after: Standing | None
    quantiles_version: int
    effective_at: int
    revision: int = field(default=0, compare=False)
    era: Era | None = field(default=None, compare=False)

    @property
    def event_id(self) -> str:
        """The same however often the event is produced, and different for every other one."""
        facts = (self.customer_id, self.sequence, self.revision, self.effective_at, self.cause, self.order_id)
        said = "\0".join(map(str, facts))
        return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


def direction(source: str | None, target: str | None, grid: Grid) -> Direction:
    """Where a change leads: up or down in value, or into or out of the scored population."""
    if target is None:
        return Direction.LEFT
    if source is None:
        return Direction.ENTERED
    if UNSCORED in {source, target}:
        other = target if source == UNSCORED else source
        entered = (source == UNSCORED) != (other in {LAPSED, PROSPECT})
        return Direction.ENTERED if entered else Direction.LEFT
    if source not in grid.names:
        # A segment that is there no longer has no place in the order of value.
        return Direction.LATERAL
    before, after = grid.names.index(source), grid.names.index(target)
    if before == after:
        return Direction.LATERAL
    return Direction.UP if after < before else Direction.DOWN


def to_document(transition: Transition, rules: Rules, detected_at: int | None) -> dict[str, Any]:
    """A transition as it is published (``schemas/transition.v1.json``).

    Args:
        transition: what happened.
        rules: how scores are printed, and the grid with its advice.
        detected_at: when it was found out, an instant; ``None`` where nobody was waiting (a replay).
    """
    target = transition.target
    return {
        "customer_id": transition.customer_id,
        "sequence": transition.sequence,
        "from": transition.source,
        "to": target,
        "direction": direction(transition.source, target, rules.grid).value,
        "cause": transition.cause.value,
        "order_id": transition.order_id,
        "before": _standing(transition.before, transition.era or rules),
        "after": _standing(transition.after, rules),
        "quantiles_version": transition.quantiles_version,
        "effective_at": instant.iso(transition.effective_at),
        "detected_at": None if detected_at is None else instant.iso(detected_at),
        "advice": rules.grid.advice(target) if target else "",
    }


def _standing(standing: Standing | None, rules: Rules | Era) -> dict[str, Any] | None:
    if standing is None:
        return None
    r, f, m = standing.r, standing.f, standing.m
    scored = r > 0
    levels, best = rules.levels, rules.best
    return {
        "r": scoring.printed(r, levels, best) if scored else None,
        "f": scoring.printed(f, levels, best) if scored else None,
        "m": scoring.printed(m, levels, best) if scored else None,
        "code": scoring.code(r, f, m, levels, best) if scored else None,
        "recency_days": None if standing.recency is None else instant.days(standing.recency),
        "frequency": standing.frequency,
        "monetary": money.plain(standing.monetary),
    }
