"""The deployment of one run: rules that are the same for everybody, and names that no other run has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from stream_rfm.local.named import NamedServices
from stream_rfm.local.services import Endpoints
from stream_rfm.settings import Settings, load, variable

# Whatever somebody has set for a deployment of their own, the demo shows what its description says.
_RULES: dict[str, Any] = {
    "clock": "event",
    "rescore_event_seconds": 86_400,
    "window_days": None,
    "levels": 5,
    "grid": "classic-5",
    "best": "high",
    "quantiles": "inverted_cdf",
    "thresholds": {"recency_days": None, "frequency": None, "monetary": None},
    "exact_up_to": 100_000,
    "min_customers": 100,
    "dedupe_days": 7,
    "commit_ms": 30,
    # A run's state is of no use to the next one.
    "snapshot_seconds": 0,
}
_PARTITIONS = 8
#: Without these no other command finds a run, or a worker beside it would not be like its own.
_NEEDED = {
    "kafka.bootstrap_servers",
    "redis.url",
    "app_id",
    "topics.prefix",
    "topics.partitions",
    "clock",
    "window_days",
    "snapshot_seconds",
}
# A Kafka of our own needs none of what somebody's Kafka may need.
_PLAIN = {"security_protocol": "PLAINTEXT", "ssl_cafile": None, "sasl_mechanism": None}


@dataclass(frozen=True)
class Deployment:
    """How a run is reached.

    Attributes:
        settings: all its settings, but for the worker's port.
        overrides: those that are not what the environment and the file say, as :func:`load` takes them.
        config: the file with settings, if any.
        chosen: whether somebody has set a setting to what may be something else.
    """

    settings: Settings
    overrides: dict[str, Any]
    config: Path | None
    chosen: Callable[[str], bool]

    @classmethod
    def of(cls, settings: Settings, config: Path | None, named: NamedServices, endpoints: Endpoints) -> Self:
        """A new one.

        Args:
            settings: what somebody has set.
            config: the file that they come from, if any.
            named: the services that are used and not started.
            endpoints: where all services are reached.
        """
        run = f"demo-{uuid4().hex[:8]}"
        kafka = {"bootstrap_servers": endpoints.bootstrap_servers}
        overrides = _RULES | {
            "app_id": f"{settings.app_id}-{run}",
            "topics": {"prefix": f"{settings.topics.prefix}{run}.", "partitions": _PARTITIONS},
            "kafka": kafka if named.kafka else _PLAIN | kafka,
            "redis": {"url": endpoints.redis_url},
        }
        return cls(load(config, **overrides), overrides, config, settings.chosen)

    def environment(self) -> dict[str, str]:
        """The variables by which other commands reach it, from a shell like the one it was started in."""
        return {
            variable(name): "null" if value is None else str(value)
            for name, value in _flat(self.overrides)
            if name in _NEEDED or self.chosen(name)
        }


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, value
