"""``stream-rfm``: every command. What a command needs is imported when it runs, so that help is quick."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from stream_rfm import __version__
from stream_rfm.cli.demo import demo
from stream_rfm.cli.errors import Commands
from stream_rfm.cli.export import export
from stream_rfm.cli.grid import app as grid
from stream_rfm.cli.lookup import lookup
from stream_rfm.cli.produce import produce
from stream_rfm.cli.replay import replay
from stream_rfm.cli.services import app as services
from stream_rfm.cli.topics import app as topics
from stream_rfm.cli.watch import watch
from stream_rfm.cli.worker import worker
from stream_rfm.early_end import leave_at_once_if_compiling

app = typer.Typer(
    name="stream-rfm",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with values would show passwords and customers
)

# One line a command; their modules import nothing heavy.
app.command()(produce)
app.command()(replay)
app.command()(watch)
app.command()(lookup)
app.command()(worker)
app.command()(export)
app.command()(demo)
app.add_typer(topics, name="topics")
app.add_typer(grid, name="grid")
app.add_typer(services, name="services")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"stream-rfm {__version__}")
        raise typer.Exit


@app.callback()
def every_command(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """RFM, live: what every customer is worth, as orders arrive, and who just changed segment."""
    del version
    # The clients' own complaints are for logs. What fails is said in a sentence.
    for client in ("kafka", "aiokafka"):
        logging.getLogger(client).addHandler(logging.NullHandler())


def main() -> None:
    """Run the command that the arguments name."""
    try:
        app()
    except SystemExit as end:
        leave_at_once_if_compiling(end.code)
        raise
    except Exception as error:  # noqa: BLE001 - said as Python would, but before it is left
        sys.excepthook(type(error), error, error.__traceback__)
        leave_at_once_if_compiling(1)
        sys.exit(1)
