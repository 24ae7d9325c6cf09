"""What a benchmark found, as Markdown: figures with their least, median and greatest, and goals."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Goal:
    """What the median of a figure has to reach."""

    limit: float
    at_least: bool = False

    def is_met_by(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:,g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, a value a run, and its goal where it has one."""

    name: str
    values: Sequence[float]
    digits: int = 0
    goal: Goal | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool:
        """Whether the goal is met, if there is one; not where there is no value."""
        return self.goal is None or (bool(self.values) and self.goal.is_met_by(self.median))

    def cells(self) -> list[str]:
        """Minimum, median, maximum, goal, and whether it was met."""
        goal = [str(self.goal), "yes" if self.is_met else "**no**"] if self.goal else ["", ""]
        if not self.values:
            return ["–", "–", "–", *goal]
        shown = (min(self.values), self.median, max(self.values))
        return [*(f"{value:,.{self.digits}f}" for value in shown), *goal]


class Table(Protocol):
    """A piece of what is shown."""

    def figures_with_goals(self) -> list[Figure]: ...
    def markdown(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Figures:
    """A table of figures, with notes below it."""

    title: str
    figures: Sequence[Figure]
    notes: Sequence[str] = ()

    def figures_with_goals(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.goal]

    def markdown(self) -> str:
        width = 5 if self.figures_with_goals() else 3
        header = ["", "minimum", "median", "maximum", "goal", "met"][: width + 1]
        body = [[figure.name, *figure.cells()[:width]] for figure in self.figures]
        return _markdown(self.title, header, body, self.notes)


@dataclass(frozen=True, slots=True)
class Plain:
    """A table whose cells are texts."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def figures_with_goals(self) -> list[Figure]:
        return []

    def markdown(self) -> str:
        return _markdown(self.title, self.header, self.rows, self.notes)


def percentiles(
    name: str, runs: Sequence[dict[str, float]], goals: dict[str, Goal] | None = None
) -> list[Figure]:
    """The rows of a latency: its percentiles, each with its runs, in milliseconds."""
    goals = goals or {}
    return [
        Figure(f"{name}, {shown}, ms", [run[key] for run in runs if run["samples"]], 1, goals.get(key))
        for key, shown in (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"))
    ]


def _markdown(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    lines = [_row(header), _row(["---"] * len(header)), *map(_row, rows)]
    return "\n".join([f"**{title}**", "", *lines, *(line for note in notes for line in ("", note))])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
