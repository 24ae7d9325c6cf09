"""Grids: which code belongs to which segment.

A grid is a TOML file: the number of levels, the segments in their order of value from the best down, and
for each segment its codes. ``x`` stands for any digit and ``[12]`` for one of several, so that ``33x`` is
three codes. Every code belongs to exactly one segment; :func:`check` names what does not.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any

#: Segments that exist in every grid, for customers without a code.
LAPSED = "lapsed"
PROSPECT = "prospect"
UNSCORED = "unscored"
RESERVED = (LAPSED, PROSPECT, UNSCORED)

SHIPPED = ("classic-5", "three-level", "lifecycle")
#: Every code is a segment of its own: for levels that no shipped grid has.
CODES = "codes"

Code = tuple[int, int, int]
_PART = re.compile(r"\[([0-9]+)\]|([0-9x])")


class GridError(ValueError):
    """A grid that cannot be used; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a grid.

    Attributes:
        name: what it is called.
        codes: its codes, the highest digit best.
        advice: what to do for its customers, in a sentence or two; may be empty.
    """

    name: str
    codes: frozenset[Code]
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A total function from codes to segments.

    Attributes:
        name: the grid's own name.
        levels: n, of scores 1 to n.
        segments: in order of value, the best first.
        reserved_advice: advice for the reserved segments, by name.
        thresholds: fixed cut points that the grid is made for, by dimension, as plain numbers.
        names: every segment that a customer can be in; the place of a name is what columns hold.
    """

    name: str
    levels: int
    segments: tuple[Segment, ...]
    reserved_advice: tuple[tuple[str, str], ...] = ()
    thresholds: tuple[tuple[str, tuple[str, ...]], ...] = ()
    names: tuple[str, ...] = field(init=False)
    _advice: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Say once what is asked for every transition."""
        own = {segment.name: segment.advice for segment in self.segments}
        object.__setattr__(self, "names", (*own, *RESERVED))
        object.__setattr__(self, "_advice", {**dict(self.reserved_advice), **own})

    def segment_of_code(self) -> list[int]:
        """For each code in the order of :func:`stream_rfm.model.scoring.code_index` its segment's place."""
        owner = {code: place for place, segment in enumerate(self.segments) for code in segment.codes}
        return [owner[code] for code in _all_codes(self.levels)]

    def rank(self, name: str) -> int | None:
        """The place in the order of value, 0 the best; ``None`` for ``unscored``, which has no value."""
        place = self.names.index(name)
        return None if name == UNSCORED else place

    def advice(self, name: str) -> str:
        """What to do for the customers of a segment; empty where the grid says nothing."""
        return self._advice.get(name, "")


def load(name_or_file: str) -> Grid:
    """A shipped grid by its name, or a grid file by its path, checked.

    Raises:
        GridError: there is no such grid, or it is not a total function; the message names the first fault.
    """
    grid, faults = read(name_or_file)
    if faults:
        more = f" (and {len(faults) - 1} more: run `stream-rfm grid check`)" if len(faults) > 1 else ""
        raise GridError(f"Grid {name_or_file}: {faults[0]}{more}.")
    return grid


def read(name_or_file: str) -> tuple[Grid, list[str]]:
    """A grid as it is, and all that is wrong with it.

    Raises:
        GridError: there is no such grid, or its file is no grid at all.
    """
    document = _document(name_or_file)
    faults: list[str] = []
    levels = document.get("levels")
    if not isinstance(levels, int) or not 2 <= levels <= 9:
        raise GridError(f"Grid {name_or_file}: levels must be a whole number from 2 to 9.")
    best = document.get("best", "high")
    if best not in ("high", "low"):
        raise GridError(f'Grid {name_or_file}: best must be "high" or "low".')
    entries = document.get("segments")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise GridError(f"Grid {name_or_file}: it needs [[segments]], each with a name and codes.")
    segments = tuple(_segment(entry, levels, best, faults) for entry in entries)
    reserved, thresholds = document.get("reserved", {}), document.get("thresholds", {})
    if not isinstance(reserved, dict) or not isinstance(thresholds, dict):
        raise GridError(f"Grid {name_or_file}: [reserved] and [thresholds] must be tables.")
    grid = Grid(
        name=str(document.get("name", Path(name_or_file).stem)),
        levels=levels,
        segments=segments,
        reserved_advice=tuple((name, str(reserved[name])) for name in RESERVED if name in reserved),
        thresholds=tuple(_thresholds(thresholds, faults)),
    )
    return grid, faults + check(grid)


def every_code_its_own(levels: int) -> Grid:
    """The grid in which every code is a segment of its own, named by its digits."""
    segments = tuple(
        Segment(_shown(code, levels), frozenset([code])) for code in reversed(list(_all_codes(levels)))
    )
    return Grid(CODES, levels, segments)


def check(grid: Grid) -> list[str]:
    """What keeps a grid from being a total function: gaps, overlaps, empty and doubled names."""
    faults = []
    owners: dict[Code, list[str]] = {code: [] for code in _all_codes(grid.levels)}
    for segment in grid.segments:
        for code in segment.codes:
            owners[code].append(segment.name)
    for code, names in owners.items():
        if not names:
            faults.append(f"code {_shown(code, grid.levels)} belongs to no segment")
        elif len(names) > 1:
            faults.append(f"code {_shown(code, grid.levels)} belongs to {' and '.join(sorted(names))}")
    names = [segment.name for segment in grid.segments]
    faults += [f"segment {name!r} is there twice" for name in sorted(set(names)) if names.count(name) > 1]
    faults += [f"{name!r} is a reserved name" for name in names if name in RESERVED]
    empty = [segment.name for segment in grid.segments if not segment.codes]
    return faults + [f"segment {name!r} has no codes, so that nobody can be in it" for name in empty]


def _document(name_or_file: str) -> dict[str, Any]:
    if name_or_file in SHIPPED:
        source = resources.files("stream_rfm.model").joinpath("grids", f"{name_or_file}.toml")
        return tomllib.loads(source.read_text("utf-8"))
    path = Path(name_or_file)
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise GridError(
            f"Grid {name_or_file} is neither a shipped one ({', '.join(SHIPPED)}) nor a file."
        ) from None
    except OSError as error:
        raise GridError(f"Grid file {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GridError(f"Grid file {path} is not valid TOML: {error}.") from None


def _segment(entry: dict[str, Any], levels: int, best: str, faults: list[str]) -> Segment:
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        faults.append("a segment has no name")
        name = "?"
    patterns = entry.get("codes", [])
    if isinstance(patterns, str):
        patterns = patterns.split()
    if not isinstance(patterns, list):
        faults.append(f"the codes of segment {name!r} must be text or a list")
        patterns = []
    codes: set[Code] = set()
    for pattern in patterns:
        try:
            expanded = set(_expand(str(pattern), levels))
        except ValueError as error:
            faults.append(f"segment {name!r}: {error}")
            continue
        if expanded & codes:
            faults.append(f"segment {name!r} names code {_shown(min(expanded & codes), levels)} twice")
        codes |= expanded
    if best == "low":
        codes = {(levels + 1 - r, levels + 1 - f, levels + 1 - m) for r, f, m in codes}
    return Segment(name, frozenset(codes), str(entry.get("advice", "")).strip())


def _thresholds(table: dict[str, Any], faults: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, cuts in table.items():
        if name not in {"recency", "frequency", "monetary"}:
            faults.append(f"thresholds are of recency, frequency or monetary, not of {name!r}")
        elif not isinstance(cuts, list):
            faults.append(f"the thresholds of {name} must be a list of numbers")
        else:
            yield name, tuple(map(str, cuts))


def _expand(pattern: str, levels: int) -> Iterator[Code]:
    parts = _PART.findall(pattern)
    if len(parts) != 3 or _PART.sub("", pattern):
        raise ValueError(f"{pattern!r} is no code: write three digits, x for any, [12] for one of several")
    digits = [
        range(1, levels + 1) if single == "x" else [int(digit) for digit in several or single]
        for several, single in parts
    ]
    if not all(1 <= digit <= levels for choice in digits for digit in choice):
        raise ValueError(f"code {pattern!r} has a digit that is not from 1 to {levels}")
    yield from product(digits[0], digits[1], digits[2])


def _all_codes(levels: int) -> Iterator[Code]:
    scores = range(1, levels + 1)
    yield from product(scores, scores, scores)


def _shown(code: Code, levels: int) -> str:
    return ("-" if levels > 9 else "").join(map(str, code))
