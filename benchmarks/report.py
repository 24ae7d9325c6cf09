"""The summary of a run's results: every table with the command that makes it, the goals, and a plot."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness
import plot
import tables

_SUMMARY, _PLOT = "summary.md", "performance.svg"


@dataclass(frozen=True, slots=True)
class _Found:
    """What one benchmark has found."""

    name: str
    said: dict[str, Any]
    tables: Sequence[tables.Table]

    @property
    def stolen(self) -> str:
        """Which part of the cores' time the host took; of results that do not say so, nothing."""
        share = self.said.get("stolen")
        return "" if share is None else f" ({share:.1%} stolen)"

    @property
    def command(self) -> str:
        """What makes it alone, with the options that are not the default ones."""
        given = _given(self.name, self.said["options"])
        return (
            f'make bench ARGS="{" ".join([self.name, *given])}"' if given else f"make bench ARGS={self.name}"
        )


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="the results of a run")
    parser.add_argument("--to", type=Path, help="the summary, instead of the one beside the results")
    parser.add_argument("--plot", type=Path, help="the plot, likewise")


def write(options: argparse.Namespace) -> None:
    """Write the summary and the plot of the results in a folder."""
    found = list(_read(options.folder))
    if not found:
        raise SystemExit(f"there are no results in {options.folder}")
    summary = options.to or options.folder / _SUMMARY
    picture = options.plot or options.folder / _PLOT
    summary.write_text(_markdown(found), "utf-8")
    plot.draw({each.name: each.said["results"] for each in found}, picture)
    harness.progress(f"{summary}\n{picture}")


def _read(folder: Path) -> Iterator[_Found]:
    """The results of a folder, in the order of the benchmarks."""
    from whole import BENCHMARKS  # noqa: PLC0415 - they are what makes a whole run, and that makes a summary

    for name, benchmark in BENCHMARKS.items():
        path = folder / f"{name}.json"
        if path.exists():
            said = json.loads(path.read_text("utf-8"))
            shown = benchmark.show(argparse.Namespace(**said["options"]), said["results"])
            yield _Found(name, said, shown)


def _given(name: str, options: dict[str, Any]) -> list[str]:
    from whole import BENCHMARKS  # noqa: PLC0415 - as above

    parser = argparse.ArgumentParser()
    BENCHMARKS[name].add_options(parser)
    defaults = vars(parser.parse_args([]))
    given = []
    for option, value in options.items():
        if option in defaults and value != defaults[option]:
            values = value if isinstance(value, list) else [value]
            given.append(" ".join([f"--{option.replace('_', '-')}", *map(str, values)]))
    return given


def _markdown(found: Sequence[_Found]) -> str:
    first, last = found[0].said, found[-1].said
    ended = last["ended_at"][:16].replace("T", " ")
    head = (
        f"`make bench`, ended at {ended}, on {first['machine']}: workers on the first, Kafka,\n"
        "Valkey and all that sends and waits on the last. Minimum, median and maximum are of the runs;\n"
        "a goal is met if the median meets it. Times are of one machine on one day: what lasts are ratios."
    )
    if any(each.stolen for each in found):
        head += "\nStolen is which part of what its cores wanted to do the host gave to other machines."
    parts = ["# Performance", head, _goals(found)]
    for each in found:
        parts.append(f"## {each.name}\n\n`{each.command}`{each.stolen}")
        parts += [table.markdown() for table in each.tables]
    return "\n\n".join(parts) + "\n"


def _goals(found: Sequence[_Found]) -> str:
    rows = []
    for each in found:
        for table in each.tables:
            for figure in table.figures_with_goals():
                _, median, _, goal, met = figure.cells()
                rows.append([f"{each.name}: {figure.name}", goal, median, met, f"`{each.command}`"])
    met = sum(row[3] == "yes" for row in rows)
    header = ["figure", "goal", "median", "met", "command"]
    return tables.Plain(f"Goals: {met} of {len(rows)} met", header, rows).markdown()
