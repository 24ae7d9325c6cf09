"""Options that several commands have, and how the settings of a command are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None, typer.Option("--config", help="A TOML file with settings; the environment wins over it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def parse_instant(text: str) -> int:
    """An instant from what somebody wrote on the command line: ISO 8601, UTC where it says no offset.

    Raises:
        typer.BadParameter: it is none.
    """
    from stream_rfm.model import instant  # noqa: PLC0415 - numpy comes with it, and help should be quick

    try:
        return instant.parse(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no ISO 8601 time from 1970 to 9999, such as 2026-01-02T03:04:05Z."
        ) from None
