"""Quantiles versions: a set of cut points with the instant that it holds for."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from stream_rfm.model import distribution, instant, money
from stream_rfm.model.distribution import Distribution
from stream_rfm.model.quantiles import CutPoints, cut_points
from stream_rfm.model.rules import DIMENSIONS, Rules


@dataclass(frozen=True, slots=True)
class Summary:
    """What a set of customers contributes to the cut points.

    Attributes:
        recency: of minus the instant of each one's last purchase, so that it does not change with time.
        frequency: of purchases inside the window.
        monetary: of money inside the window, in millionths.
    """

    recency: Distribution
    frequency: Distribution
    monetary: Distribution

    @property
    def population(self) -> int:
        """How many customers it is of."""
        return self.recency.total


@dataclass(frozen=True, slots=True)
class Version:
    """A published set of cut points; versions only grow.

    Attributes:
        number: 1 for the first, then one more each time; 0 is the start, before anybody is scored.
        as_of: the instant that it holds for.
        population: how many customers were ranked.
        cuts: cut points of recency, frequency and monetary value; ``None``: nobody is scored.
        exact: whether the quantiles are exact.
        rank_error: the largest likely error of a rank, as a fraction of the population.
        rules: the fingerprint of the rules that it was made by; empty where an earlier release made it.
    """

    number: int
    as_of: int
    population: int = 0
    cuts: tuple[CutPoints, CutPoints, CutPoints] | None = None
    exact: bool = True
    rank_error: float = 0.0
    rules: str = field(default="", compare=False)


def make(number: int, as_of: int, summary: Summary, rules: Rules) -> Version:
    """The version that follows from a population."""
    if not rules.all_fixed and summary.population < rules.min_customers:
        return Version(number, as_of, summary.population, rules=rules.fingerprint())
    fixed = dict(rules.fixed)
    found = {
        name: fixed.get(name) or _cuts(name, getattr(summary, name), as_of, rules) for name in DIMENSIONS
    }
    rank_error = max(
        (distribution.rank_error(getattr(summary, name)) for name in DIMENSIONS if name not in fixed),
        default=0.0,
    )
    return Version(
        number=number,
        as_of=as_of,
        population=summary.population,
        cuts=(found["recency"], found["frequency"], found["monetary"]),
        exact=rank_error == 0.0,
        rank_error=rank_error,
        rules=rules.fingerprint(),
    )


def merge(parts: list[Summary], exact_up_to: int) -> Summary:
    """The summary of all customers of the parts."""
    return Summary(
        *(distribution.merge([getattr(part, name) for part in parts], exact_up_to) for name in DIMENSIONS)
    )


def to_document(version: Version, rules: Rules) -> dict[str, Any]:
    """A version as it is published (``schemas/quantiles.v1.json``)."""
    document: dict[str, Any] = {
        "version": version.number,
        "as_of": instant.iso(version.as_of),
        "population": version.population,
        "levels": rules.levels,
        "method": rules.method if version.exact else "kll",
        "rank_error": version.rank_error,
        "cut_points": None,
        "thresholds": None,
        "unreachable": None,
        "rules": version.rules,
    }
    if version.cuts is not None:
        recency, frequency, monetary = version.cuts
        document["cut_points"] = {
            "recency_days": [float(cut / instant.DAY) for cut in recency.shown],
            "frequency": [_number(cut) for cut in frequency.shown],
            "monetary": [money.plain(cut) for cut in monetary.thresholds],
        }
        document["thresholds"] = {
            "recency_us": list(recency.thresholds),
            "frequency": list(frequency.thresholds),
            "monetary_micros": list(monetary.thresholds),
        }
        document["unreachable"] = {
            "r": [rules.levels - level for level in _unreachable(recency)],
            "f": [1 + level for level in _unreachable(frequency)],
            "m": [1 + level for level in _unreachable(monetary)],
        }
    return document


def from_document(document: dict[str, Any]) -> Version:
    """The version that was published."""
    cuts = None
    if document["thresholds"] is not None:
        recency, frequency, monetary = (
            CutPoints.of_thresholds(document["thresholds"][name])
            for name in ("recency_us", "frequency", "monetary_micros")
        )
        cuts = recency, frequency, monetary
    return Version(
        number=document["version"],
        as_of=instant.parse(document["as_of"]),
        population=document["population"],
        cuts=cuts,
        exact=document["method"] != "kll",
        rank_error=document["rank_error"],
        rules=document.get("rules", ""),
    )


def _cuts(name: str, of: Distribution, as_of: int, rules: Rules) -> CutPoints:
    found = cut_points(of, rules.levels, rules.method)
    if name != "recency":
        return found
    # Kept as minus the last purchase: an age is that plus the instant, and never below zero.
    return CutPoints.at([max(Fraction(0), cut + as_of) for cut in found.shown])


def _unreachable(cuts: CutPoints) -> list[int]:
    """The levels, counted from 0, that no value can have because two cut points are the same."""
    pairs = zip(cuts.thresholds, cuts.thresholds[1:], strict=False)
    return [level for level, (below, above) in enumerate(pairs, 1) if below == above]


def _number(cut: Fraction) -> float | int:
    return int(cut) if cut.denominator == 1 else float(cut)
