"""One real Kafka broker that is its own controller, alone or as a member of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from stream_rfm.local.aot_cache import aot_options
from stream_rfm.local.cluster_view import ClusterView
from stream_rfm.local.jars import kafka_jars
from stream_rfm.local.jvm import OPTIMISED, java_command
from stream_rfm.local.kafka_properties import Node, broker_properties, properties_text
from stream_rfm.local.ports import free_ports
from stream_rfm.local.service import Service
from stream_rfm.local.storage import cluster_id_of, format_storage, new_uuid

_DATA = "data"
_REQUEST_SECONDS = 1.0


@dataclass(frozen=True)
class Membership:
    """Which node of which cluster a broker is."""

    cluster_id: str
    node: Node
    nodes: tuple[Node, ...]


class KafkaBroker(Service):
    """Apache Kafka on the loopback address, in KRaft mode; it dies with this process.

    Args:
        folder: where its data, configuration and log are; made when missing.
        port: where clients reach it; None for a free one, which it keeps from its first start on.
        heap: the JVM's largest heap, in Java's notation.
        long_lived: whether it is to run for longer than minutes: then its code is optimised, which takes a
            quarter more of a processor for a minute or two of work, and a quarter less from then on.
        properties: broker settings that win over :func:`broker_properties`.
        membership: its place in a cluster; None for a broker alone.
    """

    name: ClassVar[str] = "Kafka"

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        heap: str = "1g",
        long_lived: bool = False,
        properties: Mapping[str, str] | None = None,
        membership: Membership | None = None,
    ) -> None:
        super().__init__(folder, ports_are_fixed=port is not None or membership is not None)
        self._heap = heap
        self._long_lived = long_lived
        self._properties = dict(properties or {})
        self._membership = membership or self._alone(port)

    @property
    def bootstrap_servers(self) -> str:
        """Where clients reach it, as ``host:port``."""
        return self._membership.node.address

    @property
    def ports(self) -> list[int]:
        """The port for clients and the one for controllers."""
        return [self._membership.node.port, self._membership.node.controller_port]

    def _alone(self, port: int | None) -> Membership:
        first, second = free_ports(2)
        node = Node(number=1, port=port or first, controller_port=second)
        return Membership(cluster_id_of(self.folder / _DATA) or new_uuid(), node, (node,))

    def _choose_ports(self) -> None:
        self._membership = self._alone(port=None)

    def _prepare(self) -> list[str]:
        jars = kafka_jars()
        me = self._membership
        if cluster_id_of(self.folder / _DATA) is None:
            format_storage(self.folder / _DATA, cluster_id=me.cluster_id, node=me.node.number, jars=jars)
        (self.folder / "tmp").mkdir(exist_ok=True)  # JNI libraries, which a killed JVM leaves behind
        properties = broker_properties(me.node, me.nodes, data=_DATA) | self._properties
        (self.folder / "server.properties").write_text(properties_text(properties), "utf-8")
        return java_command(jars, "kafka.Kafka", "server.properties", options=self._jvm_options(jars))

    def _jvm_options(self, jars: Sequence[Path]) -> list[str]:
        optimised = [OPTIMISED] if self._long_lived else []
        return [f"-Xmx{self._heap}", "-Djava.io.tmpdir=tmp", *optimised, *aot_options(jars)]

    def _answers(self) -> bool:
        try:
            view = ClusterView.of_broker(self._membership.node.port, seconds=_REQUEST_SECONDS)
        except OSError:
            return False
        me = self._membership
        return view.cluster_id == me.cluster_id and me.node.number in view.brokers
