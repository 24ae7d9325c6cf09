"""Makes the cache that lets brokers start faster, from a training run of a broker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from stream_rfm.local.aot_cache import aot_cache, is_current
from stream_rfm.local.jars import kafka_jars
from stream_rfm.local.kafka import KafkaBroker

_STOP_SECONDS = 120.0
_OUTPUT = "trained.aot"


class _TrainedBroker(KafkaBroker):
    def _jvm_options(self, jars: Sequence[Path]) -> list[str]:
        return [*super()._jvm_options(jars), f"-XX:AOTCacheOutput={_OUTPUT}"]


def train() -> Path:
    """Make the cache for this Kafka and Java, unless there is one; takes six seconds and more.

    Several processes may do so at once: the cache appears complete, and any of them is as good.

    Returns:
        The cache, which brokers use from now on by themselves.

    Raises:
        ServiceError: the broker of the training run cannot be started.
    """
    jars = kafka_jars()
    cache = aot_cache(jars)
    if not is_current(cache, jars):
        with TemporaryDirectory(dir=cache.parent) as folder:
            with _TrainedBroker(Path(folder)) as broker:
                broker.stop(_STOP_SECONDS)  # the JVM writes the cache when it ends
            (Path(folder) / _OUTPUT).replace(cache)
    return cache


if __name__ == "__main__":
    train()
