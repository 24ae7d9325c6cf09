"""Scores, code and segment that follow from values, cut points and the grid's file, in plain Python."""

from __future__ import annotations

import json
import tomllib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import truth

from schemas import validator

# Read as the data that it is.
_GRID = Path(__file__).parents[2] / "stream_rfm/model/grids/classic-5.toml"
_DAY_US = 86_400_000_000
_MILLION = 1_000_000
_CUTS = ("recency_us", "frequency", "monetary_micros")

#: Of whom nothing is left inside the window; who never bought; and buyers while nobody is scored.
LAPSED, PROSPECT, UNSCORED = "lapsed", "prospect", "unscored"


class Standing(NamedTuple):
    """Where somebody stands; no scores and no code in a reserved segment."""

    r: int | None
    f: int | None
    m: int | None
    code: str | None
    segment: str


@dataclass(frozen=True)
class Version:
    """Published cut points.

    Attributes:
        number: its own.
        as_of: seconds since 1970.
        cuts: of recency in microseconds, frequency, and money in millionths; none while nobody is scored.
    """

    number: int
    as_of: float
    cuts: tuple[list[int], list[int], list[int]] | None

    @classmethod
    def of(cls, said: dict[str, Any]) -> Version:
        """Read a version as it was published."""
        found = said["thresholds"]
        cuts = None if found is None else tuple(found[name] for name in _CUTS)
        return cls(said["version"], truth.seconds(said["as_of"]), cuts)


#: What is scored with before there is any other.
NO_VERSION = Version(0, 0.0, None)


@dataclass(frozen=True)
class Scale:
    """How values become a segment.

    Attributes:
        levels: scores go from 1 to this.
        segments: of the codes.
    """

    levels: int
    segments: dict[str, str]

    @classmethod
    def of_grid(cls, path: Path = _GRID) -> Scale:
        """The grid of a file."""
        said = tomllib.loads(path.read_text("utf-8"))
        segments = {code: each["name"] for each in said["segments"] for code in each["codes"].split()}
        return cls(said["levels"], segments)

    def stands(self, days: float | None, frequency: int, monetary: Decimal, version: Version) -> Standing:
        """Where somebody with such values stands by the cut points of a version."""
        if not frequency or days is None:
            return Standing(None, None, None, None, PROSPECT if days is None else LAPSED)
        if version.cuts is None:
            return Standing(None, None, None, None, UNSCORED)
        recencies, frequencies, money = version.cuts
        r = self.levels - bisect_left(recencies, round(days * _DAY_US))
        f = 1 + bisect_left(frequencies, frequency)
        m = 1 + bisect_left(money, int(monetary * _MILLION))
        code = f"{r}{f}{m}"
        return Standing(r, f, m, code, self.segments[code])

    def unlike(self, transition: dict[str, Any], versions: dict[int, Version]) -> str | None:
        """What of a transition's scores, codes and segments is not what its values and its version say."""
        number = transition["quantiles_version"]
        version = versions.get(number) if number else NO_VERSION
        if version is None:
            return f"version {number} was never published"
        after, before = transition["after"], transition["before"]
        if (after is None) != (transition["to"] is None) or (before is None) != (transition["from"] is None):
            return "a standing is missing, or too many"
        if after is not None:
            expected = self.stands(
                after["recency_days"], after["frequency"], Decimal(after["monetary"]), version
            )
            said = Standing(*(after[name] for name in ("r", "f", "m", "code")), transition["to"])
            if said != expected:
                return f"{said} where version {number} says {expected}"
        if before is not None and not self._fits(before, transition["from"]):
            return f"{transition['from']} was left with code {before['code']}"
        return None

    def _fits(self, standing: dict[str, Any], segment: str) -> bool:
        """Whether a standing of an earlier version is one of its segment, as far as it says itself."""
        scores, code = [standing[name] for name in ("r", "f", "m")], standing["code"]
        if code is not None:
            return code == "".join(map(str, scores)) and self.segments.get(code) == segment
        # Time may have emptied the window since, and what was bought is told from what was not.
        return scores == [None] * 3 and segment in {LAPSED, PROSPECT, UNSCORED}


def wrong_versions(published: list[Any]) -> Iterator[str]:
    """What is wrong with the versions, as the records that they are."""
    schema, before = validator("quantiles.v1"), None
    for record in published:
        said = json.loads(record.value)
        wrong = next((error.message for error in schema.iter_errors(said)), None)
        if wrong or record.key.decode() != str(said["version"]):
            yield f"a quantiles version is not of its schema: {wrong or 'its key is not its number'}"
            return
        if before is not None and (
            said["version"] != before["version"] + 1 or said["as_of"] < before["as_of"]
        ):
            yield f"version {said['version']} follows on version {before['version']}"
        if said["thresholds"] is not None:
            yield from _wrong_cuts(said)
        before = said


def _wrong_cuts(said: dict[str, Any]) -> Iterator[str]:
    for name in _CUTS:
        cuts = said["thresholds"][name]
        if cuts != sorted(cuts) or len(cuts) != said["levels"] - 1:
            yield f"version {said['version']} has cut points of {name} that cannot be: {cuts}"
    shown = [int(Decimal(each) * _MILLION) for each in said["cut_points"]["monetary"]]
    if shown != said["thresholds"]["monetary_micros"]:
        yield f"version {said['version']} shows other cut points of money than it has"
