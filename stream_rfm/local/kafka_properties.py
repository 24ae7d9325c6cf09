"""How the brokers on this machine are configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stream_rfm.local.ports import HOST

_SIXTEEN_MIB = 16 * 1024 * 1024


@dataclass(frozen=True)
class Node:
    """One member of a cluster, broker and controller at once."""

    number: int
    port: int
    controller_port: int

    @property
    def address(self) -> str:
        """Where clients reach it."""
        return f"{HOST}:{self.port}"


def broker_properties(node: Node, quorum: Sequence[Node], data: str) -> dict[str, str]:
    """The settings of one node.

    Args:
        node: the node that they are for.
        quorum: all nodes of its cluster.
        data: the folder for its log, relative to where the broker runs: Java reads a properties file as
            Latin-1, in which not every absolute path can be said.
    """
    # The voters are listed, not remembered in the log as --standalone does: kept data then starts on
    # other ports as well.
    voters = ",".join(f"{each.number}@{HOST}:{each.controller_port}" for each in quorum)
    replicas = str(min(3, len(quorum)))
    in_sync = str(min(2, len(quorum)))
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{node.address},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{node.address}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        **_internal_topics(replicas, in_sync),
        # A test waits for sessions to expire, and for members to join, as shortly as it can.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # A broker that was killed is let in again only once its session has expired: 9 s by default.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
        "message.max.bytes": str(_SIXTEEN_MIB),
        "replica.fetch.max.bytes": str(_SIXTEEN_MIB),
        "log.cleaner.dedupe.buffer.size": str(2 * _SIXTEEN_MIB),  # of the heap, whether used or not
    }


def _internal_topics(replicas: str, in_sync: str) -> dict[str, str]:
    return {
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
    }


def properties_text(properties: Mapping[str, str]) -> str:
    """The content of a Java properties file."""
    return "".join(f"{name}={value}\n" for name, value in properties.items())
