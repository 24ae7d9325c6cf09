"""What a test knows about its deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stream_rfm.kafka.topics import Topics, topics_of
from stream_rfm.local.services import Endpoints
from stream_rfm.settings import Settings, load


@dataclass(frozen=True)
class Deployment:
    """A deployment that the environment names.

    Attributes:
        endpoints: where its Kafka and its Valkey are.
        environment: the variables that name it.
    """

    endpoints: Endpoints
    environment: dict[str, str]

    @property
    def settings(self) -> Settings:
        return self.settings_with()

    def settings_with(self, **overrides: Any) -> Settings:
        """The settings of the environment as it is now, but for some."""
        return load(**overrides)

    @property
    def topics(self) -> Topics:
        return topics_of(self.settings)

    @property
    def servers(self) -> str:
        return self.endpoints.bootstrap_servers
