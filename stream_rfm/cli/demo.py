"""``stream-rfm demo``: CDNOW's orders through real services, while somebody watches."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from stream_rfm.cli.errors import print_anyway, say
from stream_rfm.cli.exports import print_exports
from stream_rfm.cli.options import AsJson, Config

if TYPE_CHECKING:
    from stream_rfm.demo.board import Board
    from stream_rfm.demo.stage import Stage

_LOOK_SECONDS = 0.5


def demo(
    once: Annotated[bool, typer.Option("--once", help="End by itself, with a summary.")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Stream 69,659 real orders through a real Kafka, a worker and a real Valkey, and show what comes out.

    Services that the settings name are used; others are started, and end with the demo.
    """
    from stream_rfm.demo.stage import on_stage  # noqa: PLC0415 - Kafka and numpy are only needed here
    from stream_rfm.demo.streaming import Streaming  # noqa: PLC0415 - the same
    from stream_rfm.local.signals import ended_by  # noqa: PLC0415 - so that help is quick
    from stream_rfm.settings import load  # noqa: PLC0415 - the same

    if as_json and not once:
        raise typer.BadParameter("--json prints the summary, for which there has to be --once.")
    settings = load(config)
    try:
        with ended_by(signal.SIGTERM, signal.SIGHUP), on_stage(settings, config, say) as stage:
            with _shown(to_stderr=as_json) as show:
                summary = Streaming(stage, show).run()
            print_anyway(json.dumps(summary.document()) if as_json else "\n".join(summary.lines()))
            if not once:
                _look_around(stage, summary.answer.customer_id)
    except KeyboardInterrupt:
        if once:
            raise  # there is no summary, which whoever waits for one should know
        say("Ended.")


@contextmanager
def _shown(*, to_stderr: bool) -> Iterator[Callable[[Board], None]]:
    """Where the board is shown: on the terminal; where there is none, in lines."""
    from rich.console import Console  # noqa: PLC0415 - so that help is quick

    from stream_rfm.demo.lines import in_lines  # noqa: PLC0415 - the same
    from stream_rfm.demo.screen import on_screen  # noqa: PLC0415 - the same

    console = Console(stderr=to_stderr)
    # What rich takes for a terminal may be a pipe, where FORCE_COLOR is set.
    if (sys.stderr if to_stderr else sys.stdout).isatty() and not console.is_dumb_terminal:
        with on_screen(console) as show:
            yield show
    else:
        # Who reads no further is told by the exit code what came of it.
        yield in_lines(lambda line: print_anyway(line, to_stderr=to_stderr))


def _look_around(stage: Stage, customer: str) -> None:
    """Keep everything up until Ctrl-C."""
    typer.echo("\nEverything is up until Ctrl-C. To look around, in another terminal:\n")
    print_exports(stage.deployment.environment())
    typer.echo(f"stream-rfm lookup {customer}\nstream-rfm watch --from-beginning\n")
    typer.echo(f"The worker's metrics: {stage.worker.metrics_url}")
    try:
        while True:
            stage.check()
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        say("Ending …")
