"""``stream-rfm topics``: declares the topics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from stream_rfm.cli.errors import say
from stream_rfm.cli.options import AsJson, Config

if TYPE_CHECKING:
    from stream_rfm.kafka.declare import Declared

app = typer.Typer(no_args_is_help=True, help="The Kafka topics of this deployment.")


@app.callback()
def topics() -> None:
    """The Kafka topics of this deployment."""


@app.command()
def create(as_json: AsJson = False, config: Config = None) -> None:
    """Create the topics that are missing; say what differs on the others, and change none of them."""
    from stream_rfm.kafka.declare import declare  # noqa: PLC0415 - so that help is quick
    from stream_rfm.settings import load  # noqa: PLC0415 - the same

    declared = declare(load(config))
    if as_json:
        typer.echo(json.dumps([_document(each) for each in declared]))
        return
    for each in declared:
        state = "created" if each.created else "there already"
        typer.echo(f"{each.topic.name}: {state}")
        for difference in each.differences:
            say(f"{each.topic.name}: {difference}")
        if each.refusal:
            say(f"No worker starts. {each.refusal}")


def _document(declared: Declared) -> dict[str, object]:
    return {
        "topic": declared.topic.name,
        "created": declared.created,
        "differences": list(declared.differences),
        "fatal": declared.refusal is not None,
    }
