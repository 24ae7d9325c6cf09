"""What is on disk about the services that a supervisor runs in the background."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import msgspec

from stream_rfm.local.identity import ProcessIdentity

_FILE = "state.json"


@dataclass(frozen=True)
class ServicesState:
    """Who runs what; read and replaced as a whole.

    The ports outlive the services, and their data: shells have been told them.
    """

    supervisor: ProcessIdentity | None = None
    services: dict[str, ProcessIdentity] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The state in this folder; an empty one when there is none that can be read."""
        try:
            return msgspec.json.decode((folder / _FILE).read_bytes(), type=cls)
        except (FileNotFoundError, msgspec.DecodeError):
            return cls()

    def save(self, folder: Path) -> None:
        """Put this state in place of the one in the folder."""
        new = folder / f"{_FILE}.new"
        new.write_bytes(msgspec.json.encode(self))
        new.replace(folder / _FILE)

    @property
    def running(self) -> bool:
        """Whether the supervisor is alive and has its services ready."""
        return bool(self.services) and self.supervisor is not None and self.supervisor.alive
