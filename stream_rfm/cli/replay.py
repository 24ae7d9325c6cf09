"""``stream-rfm replay``: scores the orders of a file, with no broker."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream_rfm.cli.errors import say
from stream_rfm.cli.options import AsJson, Config, parse_instant
from stream_rfm.cli.progress import lines_progress

if TYPE_CHECKING:
    from stream_rfm.offline.replay import Replayed
    from stream_rfm.settings import Settings

_ALL_TIME = "null"
# As late as can be said, so that an order is in the future only of the as-of, whenever this runs.
_NO_FUTURE = "9999-12-31T23:00:00Z"


def replay(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="CSV with a header, or JSON lines; plain or .gz.",
        ),
    ],
    as_of: Annotated[
        int,
        typer.Option(
            parser=parse_instant,
            metavar="T",
            help="The instant that scores hold for; later orders are left out.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "-o",
            "--out",
            metavar="DIR",
            file_okay=False,
            help="Where segments.csv, transitions.jsonl and quantiles.json go.",
        ),
    ],
    window_days: Annotated[
        str | None, typer.Option(metavar="D", help="Days in which orders count; null for all time.")
    ] = None,
    levels: Annotated[int | None, typer.Option(metavar="N", help="Scores go from 1 to this.")] = None,
    grid: Annotated[str | None, typer.Option(metavar="G", help="The grid: a shipped one, or a file.")] = None,
    quantiles: Annotated[
        str | None, typer.Option(metavar="M", help="How cut points are found: inverted_cdf, linear or fixed.")
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Score a file's orders as the stream would, and write every segment, transition and version."""
    from stream_rfm.configured import intake_of, rules_of  # noqa: PLC0415 - so that help is quick
    from stream_rfm.model import instant  # noqa: PLC0415 - the same
    from stream_rfm.offline import orders_file  # noqa: PLC0415 - the same
    from stream_rfm.offline.replay import Replay  # noqa: PLC0415 - the same
    from stream_rfm.settings import SettingsError  # noqa: PLC0415 - the same

    given = {"window_days": window_days, "levels": levels, "grid": grid, "quantiles": quantiles}
    try:
        settings = _settings(config, {name: value for name, value in given.items() if value is not None})
        rules = rules_of(settings)
    except SettingsError as error:
        raise SettingsError(_in_options(str(error), given)) from None
    done = Replay(
        rules=rules,
        interval=settings.rescore_event_seconds * instant.SECOND,
        intake=intake_of(settings, instant.parse(_NO_FUTURE)),
        as_of=as_of,
        folder=out,
    )
    with lines_progress("Replaying orders", [file]) as progress:
        replayed = done.run(orders_file.read(file), progress)
    document = _document(replayed)
    if as_json:
        typer.echo(json.dumps(document))
    say(_summary(replayed, out))


def _settings(config: Path | None, given: dict[str, Any]) -> Settings:
    from stream_rfm.settings import load  # noqa: PLC0415 - so that help is quick

    if given.get("window_days") == _ALL_TIME:
        given["window_days"] = None
    return load(config, **given)


def _in_options(sentence: str, names: Iterable[str]) -> str:
    """A sentence about settings with the options that stand for them here."""
    from stream_rfm.settings import variable  # noqa: PLC0415 - so that help is quick

    for name in names:
        sentence = sentence.replace(variable(name), f"--{name.replace('_', '-')}")
    return sentence


def _document(replayed: Replayed) -> dict[str, Any]:
    return {
        "orders": replayed.orders,
        "after": replayed.after,
        "rejected": {reason.value: count for reason, count in sorted(replayed.rejected.items())},
        "transitions": replayed.transitions,
        "customers": replayed.customers,
        "versions": replayed.versions,
    }


def _summary(replayed: Replayed, out: Path) -> str:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(replayed.rejected.items()))
    what = f"{replayed.customers:,} customers, {replayed.transitions:,} transitions"
    lines = [
        f"{replayed.orders:,} orders counted; {replayed.after:,} later than the as-of left out.",
        f"{replayed.rejected.total():,} rejected{f': {reasons}' if reasons else ''}.",
        f"{what}, {replayed.versions:,} quantiles versions in {out}.",
    ]
    return "\n".join(lines)
