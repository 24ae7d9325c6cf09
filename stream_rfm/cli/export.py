"""``stream-rfm export``: every customer as CSV, as of one published version."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from stream_rfm.cli.errors import say
from stream_rfm.cli.options import AsJson, Config, parse_instant


def export(
    out: Annotated[Path, typer.Option("-o", "--out", dir_okay=False, help="The file; .gz is gzipped.")],
    wait_as_of: Annotated[
        str | None,
        typer.Option(help="Wait until every partition has been scored as of this time (ISO 8601)."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait at most.")] = 60.0,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Write every customer's values, scores and segment, as of one published version."""
    from stream_rfm.model import instant  # noqa: PLC0415 - Kafka and numpy are only needed here
    from stream_rfm.settings import load  # noqa: PLC0415
    from stream_rfm.stream.export import Export  # noqa: PLC0415

    as_of = None if wait_as_of is None else parse_instant(wait_as_of)
    said: set[str] = set()

    def progress(text: str) -> None:
        if text not in said:
            said.add(text)
            say(f"{text} …")

    version, customers = asyncio.run(Export(load(config)).run(out, as_of, timeout, progress))
    facts = {"customers": customers, "version": version.number, "as_of": instant.iso(version.as_of)}
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        say(f"{customers:,} customers as of {facts['as_of']} (version {version.number}) in {out}.")
