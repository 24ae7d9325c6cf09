"""``stream-rfm worker``: the scorer."""

from __future__ import annotations

from stream_rfm.cli.options import Config
from stream_rfm.early_end import heed_signals


def worker(config: Config = None) -> None:
    """Score customers as orders arrive, until SIGTERM or Ctrl-C; then what is in hand is committed."""
    heed_signals()
    from stream_rfm.settings import load  # noqa: PLC0415 - pydantic too
    from stream_rfm.worker import run  # noqa: PLC0415 - Kafka and Faust are only needed here

    run(load(config))
