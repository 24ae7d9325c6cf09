"""``stream-rfm watch``: tells of transitions as they happen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from stream_rfm.cli.errors import say
from stream_rfm.cli.options import AsJson, Config

if TYPE_CHECKING:
    from stream_rfm.client import SegmentTransition, Standing

_SHOWN = {
    "up": ("↑", typer.colors.GREEN),
    "down": ("↓", typer.colors.RED),
    "lateral": ("→", typer.colors.YELLOW),
    "entered": ("+", typer.colors.CYAN),
    "left": ("−", typer.colors.MAGENTA),
}


def watch(
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Begin with the oldest transition that is kept.")
    ] = False,
    count: Annotated[int | None, typer.Option(min=1, metavar="N", help="End after this many.")] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Tell of every transition as it happens, until Ctrl-C."""
    from stream_rfm.client import TransitionSubscriber  # noqa: PLC0415 - so that help is quick
    from stream_rfm.kafka.connection import for_kafka_python  # noqa: PLC0415 - the same
    from stream_rfm.kafka.topics import topics_of  # noqa: PLC0415 - the same
    from stream_rfm.settings import load  # noqa: PLC0415 - the same

    settings = load(config)
    connection = for_kafka_python(settings.kafka)
    del connection["bootstrap_servers"]
    try:
        with TransitionSubscriber(
            settings.kafka.bootstrap_servers,
            start="earliest" if from_beginning else "latest",
            topic=topics_of(settings).transitions.name,
            **connection,
        ) as transitions:
            say("Watching transitions; Ctrl-C ends it.")
            for number, transition in enumerate(transitions, 1):
                typer.echo(_json(transition) if as_json else _line(transition))
                if number == count:
                    return
    except KeyboardInterrupt:
        pass  # the way to end it


def _json(transition: SegmentTransition) -> str:
    return json.dumps({"ce_id": transition.ce_id, **transition.raw}, ensure_ascii=False)


def _line(transition: SegmentTransition) -> str:
    sign, colour = _SHOWN.get(transition.direction, ("?", typer.colors.WHITE))
    codes = f"{_code(transition.before)} → {_code(transition.after)}"
    moved = f"{transition.source or 'nowhere'} → {transition.target or 'erased'}"
    return "  ".join(
        [
            f"{transition.effective_at:%Y-%m-%d %H:%M:%S}",
            typer.style(sign, fg=colour, bold=True),
            f"{transition.customer_id:<16}",
            typer.style(f"{moved:<36}", fg=colour),
            f"{codes:<11}",
            transition.cause,
        ]
    )


def _code(standing: Standing | None) -> str:
    return (standing and standing.code) or "-"
