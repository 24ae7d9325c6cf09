"""``stream-rfm produce``: orders from files into the topic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from stream_rfm.cli.errors import say
from stream_rfm.cli.options import Config, parse_instant
from stream_rfm.cli.progress import lines_progress


def produce(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="CSV with a header, or JSON lines; plain or .gz.",
        ),
    ],
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Orders per second; as fast as possible without.")
    ] = None,
    until: Annotated[
        int | None,
        typer.Option(
            parser=parse_instant,
            metavar="T",
            help="Leave out what is later, and end with a heartbeat at this time on every partition.",
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Send orders from files into the orders topic, keyed by customer."""
    from stream_rfm.kafka.feed import Feed  # noqa: PLC0415 - so that help is quick
    from stream_rfm.settings import load  # noqa: PLC0415 - the same

    start = time.monotonic()
    with lines_progress("Sending orders", files) as progress:
        feed = Feed(load(config), rate=rate, until=until, progress=progress)
        try:
            asyncio.run(feed.run(_documents(files)))
        except Exception:
            if feed.fed.orders:
                say(f"Up to {feed.fed.orders:,} orders were sent before this:")
            raise
    seconds = time.monotonic() - start
    left_out = f", {feed.fed.after:,} later ones left out" if until is not None else ""
    say(f"{feed.fed.orders:,} orders sent in {seconds:.1f} s{left_out}.")


def _documents(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The orders of all files; what is wrong inside an order is for the worker to say, in a dead letter.

    Raises:
        OrdersFileError: a file cannot be read, or an order has no customer to be keyed by.
    """
    from stream_rfm.offline import orders_file  # noqa: PLC0415 - so that help is quick

    for path in files:
        for number, document in enumerate(orders_file.read(path), 1):
            customer = document.get("customer_id")
            if document.get("type") != "heartbeat" and not (isinstance(customer, str) and customer):
                raise orders_file.OrdersFileError(
                    f"Order {number} of {path} has no customer_id, which is a text and the record's key: add "
                    "it, or take the order out."
                )
            yield document
