"""Which jars Kafka consists of, pinned with their SHA-256 like the Python packages.

``python -m stream_rfm.local.jar_lock`` resolves them anew and writes the pins.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from stream_rfm.local.errors import local_extra

KAFKA_VERSION = "4.1.0"

_COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
_LOCK = Path(__file__).with_name("kafka-jars.lock")


@dataclass(frozen=True)
class Jar:
    """One pinned jar."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int  # bytes

    @property
    def filename(self) -> str:
        """The file's name, which is unique in the set."""
        return f"{self.artifact}-{self.version}.jar"


def pinned_jars() -> list[Jar]:
    """The pinned jars, in the order of the class path."""
    return [_jar(*line.split()) for line in _LOCK.read_text("ascii").splitlines()]


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _jar(coordinates: str, sha256: str, size: str) -> Jar:
    group, artifact, version = coordinates.split(":")
    return Jar(group, artifact, version, sha256, int(size))


def _write_lock() -> None:
    with local_extra():
        import jgo  # noqa: PLC0415 - only whoever changes the version needs it here
    lines = []
    for artifact in jgo.resolve(_COORDINATES):
        path = artifact.resolve()
        name = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
        lines.append(f"{name} {sha256_of(path)} {path.stat().st_size}\n")
    _LOCK.write_text("".join(lines), "ascii")


if __name__ == "__main__":
    _write_lock()
