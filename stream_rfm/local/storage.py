"""Formats the data folder of a new broker."""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from stream_rfm.local.errors import ServiceError
from stream_rfm.local.jvm import java_command
from stream_rfm.local.kafka_properties import Node, broker_properties, properties_text

_SECONDS = 60.0
_BOOTSTRAP = "bootstrap.checkpoint"
_META = "meta.properties"


def new_uuid() -> str:
    """A random id in the form in which Kafka writes those of clusters and folders."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def cluster_id_of(data: Path) -> str | None:
    """The cluster that a data folder belongs to, None when it is not formatted."""
    try:
        lines = (data / _META).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return None
    return next((line.partition("=")[2] for line in lines if line.startswith("cluster.id=")), None)


def format_storage(data: Path, *, cluster_id: str, node: int, jars: Sequence[Path]) -> None:
    """Make the data folder of a new broker, with the features of this Kafka's release.

    Kafka's ``StorageTool`` does this, in a JVM that takes a second. But what it writes is the same for all
    brokers of a release, except for their ids. So it runs once, and its answer is kept beside the jars.

    Args:
        data: the folder to make.
        cluster_id: the cluster that it will belong to.
        node: the broker's number.
        jars: Kafka's class path.

    Raises:
        ServiceError: the folder cannot be formatted.
    """
    features = jars[0].parent / _BOOTSTRAP
    if not features.exists():
        _ask_storage_tool(features, jars)
    data.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(features, data / _BOOTSTRAP)
    meta = f"version=1\ncluster.id={cluster_id}\nnode.id={node}\ndirectory.id={new_uuid()}\n"
    (data / _META).write_text(meta, "ascii")  # last: it says that the folder is formatted


def _ask_storage_tool(features: Path, jars: Sequence[Path]) -> None:
    any_node = Node(number=1, port=9092, controller_port=9093)
    with TemporaryDirectory(dir=features.parent) as folder:
        config = Path(folder) / "server.properties"
        config.write_text(properties_text(broker_properties(any_node, [any_node], data="data")), "ascii")
        arguments = ("format", "--cluster-id", new_uuid(), "--config", str(config))
        command = java_command(jars, "kafka.tools.StorageTool", *arguments)
        try:
            done = subprocess.run(  # noqa: S603 - our own program
                command, cwd=folder, capture_output=True, check=False, text=True, timeout=_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ServiceError(f"Kafka's StorageTool cannot be run: {error}.") from error
        written = Path(folder) / "data" / _BOOTSTRAP
        if done.returncode != 0 or not written.exists():
            raise ServiceError(f"Kafka's StorageTool failed:\n{done.stdout}{done.stderr}".strip())
        written.replace(features)
