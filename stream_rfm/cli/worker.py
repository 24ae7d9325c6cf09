"""``stream-rfm worker``: the scorer."""

from __future__ import annotations

from stream_rfm.cli.options import Config


def worker(config: Config = None) -> None:
    """Score customers as orders arrive, until SIGTERM or Ctrl-C; then what is in hand is committed."""
    from stream_rfm.settings import load  # noqa: PLC0415 - pydantic too
    from stream_rfm.worker import run  # noqa: PLC0415 - Kafka and Faust are only needed here

    run(load(config))
