"""``stream-rfm worker``: the scorer."""

from __future__ import annotations

import gc

from stream_rfm.cli.options import Config
from stream_rfm.early_end import heed_signals


def worker(config: Config = None) -> None:
    """Score customers as orders arrive, until SIGTERM or Ctrl-C; then what is in hand is committed."""
    heed_signals()
    # What is imported stays: to look for cycles in it would be a fifth of the time that it takes.
    gc.disable()
    from stream_rfm.settings import load  # noqa: PLC0415 - pydantic too
    from stream_rfm.worker import run  # noqa: PLC0415 - Kafka and Faust are only needed here

    gc.freeze()
    gc.enable()
    run(load(config))
