"""Several Kafka brokers that form one cluster, for what a single one cannot show: replicas, elections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from stream_rfm.local.kafka import KafkaBroker, Membership
from stream_rfm.local.kafka_properties import Node
from stream_rfm.local.ports import free_ports
from stream_rfm.local.storage import cluster_id_of, new_uuid

_STOP_SECONDS = 10.0


class KafkaCluster:
    """Brokers on the loopback address that die with this process; each can be killed and started alone.

    Args:
        folder: where their data and logs are, in a folder for each; made when missing.
        nodes: how many; three tolerate the loss of one.
        heap: the largest heap of each JVM, in Java's notation.
        properties: makes a node's settings that win over the defaults, such as listeners of its own.
    """

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 3,
        heap: str = "512m",
        properties: Callable[[Node], Mapping[str, str]] | None = None,
    ) -> None:
        ports = free_ports(2 * nodes)
        members = tuple(
            Node(number, ports[2 * number - 2], ports[2 * number - 1]) for number in range(1, nodes + 1)
        )
        cluster_id = cluster_id_of(folder / "1" / "data") or new_uuid()
        self.brokers = [
            KafkaBroker(
                folder / str(node.number),
                heap=heap,
                properties=properties(node) if properties is not None else None,
                membership=Membership(cluster_id, node, members),
            )
            for node in members
        ]

    @property
    def bootstrap_servers(self) -> str:
        """Where clients reach it, as ``host:port,host:port``."""
        return ",".join(broker.bootstrap_servers for broker in self.brokers)

    def start(self) -> None:
        """Start all brokers that do not run, together, and wait until each is a ready member.

        Raises:
            ServiceError: one cannot be started; none runs then.
        """
        try:
            started = [broker for broker in self.brokers if not broker.running]
            for broker in started:
                broker.launch()
            for broker in started:
                broker.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all brokers, together: the last ones would wait for a quorum that is gone."""
        for broker in self.brokers:
            broker.begin_stop()
        for broker in self.brokers:
            broker.stop(_STOP_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
