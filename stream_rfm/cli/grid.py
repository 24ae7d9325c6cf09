"""``stream-rfm grid``: checks a grid, and shows one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream_rfm.cli.errors import FAILED
from stream_rfm.cli.options import AsJson, Config

if TYPE_CHECKING:
    from stream_rfm.model.grid import Grid
    from stream_rfm.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Grids: which code belongs to which segment.")

Name = Annotated[str, typer.Argument(metavar="GRID", help="A grid file, or the name of a shipped grid.")]


@app.command()
def check(name: Name, as_json: AsJson = False, config: Config = None) -> None:
    """Say all that is wrong with a grid, a line a fault; the exit code is 0 when that is nothing."""
    from stream_rfm.model import grid  # noqa: PLC0415 - so that help is quick
    from stream_rfm.settings import load  # noqa: PLC0415 - the same

    load(config)  # so that a wrong setting is said here as by every command
    if name not in grid.SHIPPED and not Path(name).exists():
        raise typer.BadParameter(f"{name} is neither a file nor a shipped grid ({', '.join(grid.SHIPPED)}).")
    codes = segments = 0
    try:
        found, faults = grid.read(name)
        faults += _faults_of_thresholds(found)
        codes, segments = found.levels**3, len(found.segments)
    except grid.GridError as error:
        faults = [str(error).removeprefix(f"Grid {name}: ").rstrip(".")]
    if as_json:
        typer.echo(json.dumps({"ok": not faults, "faults": faults, "codes": codes, "segments": segments}))
    elif faults:
        typer.echo("\n".join(faults))
    else:
        typer.echo(f"ok: {codes} codes, {segments} segments")
    raise typer.Exit(FAILED if faults else 0)


@app.command()
def show(name: Name, as_json: AsJson = False, config: Config = None) -> None:
    """Show a grid's segments from the best down, each with its codes and what to do for its customers."""
    from stream_rfm.settings import load  # noqa: PLC0415 - so that help is quick

    document = _document(*_loaded(name, load(config)))
    if as_json:
        typer.echo(json.dumps(document))
    else:
        _print(document)


def _loaded(name: str, settings: Settings) -> tuple[Grid, Settings]:
    from stream_rfm.model import grid  # noqa: PLC0415 - so that help is quick

    return (grid.every_code_its_own(settings.levels) if name == grid.CODES else grid.load(name)), settings


def _faults_of_thresholds(found: Grid) -> list[str]:
    from stream_rfm.model import rules  # noqa: PLC0415 - so that help is quick

    faults = []
    for dimension, numbers in found.thresholds:
        try:
            rules.check_fixed(dimension, rules.fixed_cut_points(dimension, numbers), found.levels)
        except rules.RulesError as error:
            faults.append(str(error).rstrip("."))
    return faults


def _document(found: Grid, settings: Settings) -> dict[str, Any]:
    from stream_rfm.model import scoring  # noqa: PLC0415 - so that help is quick

    return {
        "name": found.name,
        "levels": found.levels,
        "best": settings.best,
        "segments": [
            {
                "name": segment.name,
                "codes": [
                    scoring.code(r, f, m, found.levels, settings.best)
                    for r, f, m in sorted(segment.codes, reverse=True)
                ],
                "advice": segment.advice,
            }
            for segment in found.segments
        ],
        "reserved": dict(found.reserved_advice),
        "thresholds": {name: list(numbers) for name, numbers in found.thresholds},
    }


def _print(document: dict[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415 - so that help is quick
    from rich.table import Table  # noqa: PLC0415 - the same

    table = Table(
        "Segment", "Number", "Codes", "Advice", title=f"{document['name']}, {document['levels']} levels"
    )
    table.columns[0].no_wrap = True
    for segment in document["segments"]:
        codes = segment["codes"]
        table.add_row(segment["name"], str(len(codes)), " ".join(codes), segment["advice"])
    for name, advice in document["reserved"].items():
        table.add_row(name, "", "", advice)
    for name, numbers in document["thresholds"].items():
        table.caption = f"{table.caption or 'Fixed thresholds:'} {name} {', '.join(numbers)}"
    Console().print(table)
