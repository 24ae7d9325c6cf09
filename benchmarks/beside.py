"""Orders a second on one core beside other stream processors, all in the same run over the same orders.

stream-rfm goes its whole path: window, scores, transitions, segments, cache. The peers only fold last time,
count and sum of each customer and tell of every tenth order, exactly once where they can. A peer whose tools
are missing is left out, and that is said.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import feed
import harness
import peer_rounds
import peer_tools
import tables
import throughput
import workloads

from stream_rfm.kafka.admin import admin_client
from stream_rfm.settings import KafkaSettings

_PEERS = harness.ROOT / "peers"
# So many rounds in one JVM: it is cold in the first one and warm in the last one.
_JVM_ROUNDS = 3
# Peers in Python say how far they are at multiples of this.
_SAY_EVERY = 2_000


@dataclass(frozen=True, slots=True)
class _Peer:
    """Another way to fold the same orders: how to run it, how often in a process, over how many at most."""

    title: str
    command: Callable[[], list[str]]
    rounds: int = 1
    most_orders: int | None = None


def _java(name: str) -> list[str]:
    opened = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("lang", "util")]
    path = ":".join(map(str, peer_tools.class_path(name)))
    return ["java", *opened, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", path, "Fold"]


def _python(name: str, versions: str) -> list[str]:
    return [str(peer_tools.python(name, versions)), str(_PEERS / f"{name}.py")]


def _pyflink() -> list[str]:
    """PyFlink brings Flink but not its Kafka connector, which the peer in Java has with all it needs."""
    jars = [path for path in peer_tools.class_path("flink") if path.suffix == ".jar"]
    wanted = [jar for jar in jars if not jar.name.startswith("flink-") or "connector-kafka" in jar.name]
    return [*_python("pyflink_fold", ">=3.11,<3.13"), *map(str, wanted)]


_COLD, _WARM = "{}: cold", "{}: warm, round {}"

_PEERS_BY_NAME = {
    "kafka-streams": _Peer("Kafka Streams, exactly once", lambda: _java("kafka_streams"), _JVM_ROUNDS),
    "flink": _Peer("Flink, exactly once every 100 ms", lambda: _java("flink"), _JVM_ROUNDS),
    "quix": _Peer("Quix Streams, exactly once", lambda: _python("quix", ">=3.11")),
    "bytewax": _Peer("Bytewax, snapshots every 5 s", lambda: _python("bytewax_fold", ">=3.11,<3.13")),
    "pyflink": _Peer("PyFlink, exactly once every 100 ms", _pyflink),
    "faust": _Peer(
        "naive Faust agent, 40,000 orders",
        lambda: peer_rounds.faust_peer("naive_faust.py"),
        most_orders=40_000,
    ),
}

#: How many times as quick as whom, at least.
_GOALS = {
    _COLD.format(_PEERS_BY_NAME["kafka-streams"].title): tables.Goal(1.0, at_least=True),
    _WARM.format(_PEERS_BY_NAME["kafka-streams"].title, _JVM_ROUNDS): tables.Goal(1.0, at_least=True),
    _PEERS_BY_NAME["quix"].title: tables.Goal(3, at_least=True),
    _PEERS_BY_NAME["bytewax"].title: tables.Goal(1.3, at_least=True),
    _PEERS_BY_NAME["pyflink"].title: tables.Goal(5, at_least=True),
    _PEERS_BY_NAME["faust"].title: tables.Goal(50, at_least=True),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=int, default=1_200_000)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", nargs="+", choices=_PEERS_BY_NAME, default=list(_PEERS_BY_NAME))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Orders a second of each run: of stream-rfm, and of each peer by its rounds."""
    left_out: dict[str, str] = {}
    commands = _commands(options.peers, left_out)
    ours: list[float] = []
    theirs: dict[str, list[list[float]]] = {name: [] for name in commands}
    with harness.bench() as bench:
        for run in range(1, options.runs + 1):
            prefix = f"peers{run}-"
            environment = bench.environment(prefix, options.partitions)
            _fill(bench, environment, prefix, options)
            ours.append(throughput.measure_worker(bench, environment, options.orders)["rate"])
            harness.progress(f"run {run}: stream-rfm {ours[-1]:,.0f} orders/s")
            for name in [name for name in commands if name not in left_out]:
                try:
                    rates = _measure_peer(bench, prefix, name, commands[name], options)
                except peer_rounds.PeerFailedError as error:
                    harness.progress(f"run {run}: {name} failed:\n{error}")
                    left_out[name] = f"it failed in run {run}"
                    continue
                theirs[name].append(rates)
                harness.progress(f"run {run}: {name} {', '.join(f'{rate:,.0f}' for rate in rates)} orders/s")
    return {"stream_rfm": ours, "peers": theirs, "left_out": left_out}


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    ours, theirs = results["stream_rfm"], rows(results["peers"])
    title = f"Orders a second on one core: {options.orders:,} orders of {options.customers:,} customers"
    rates = {"stream-rfm, whole path": ours, **theirs}
    # A peer that failed has fewer runs than there were, the first ones.
    ratios = [
        tables.Figure(
            f"times as quick as {name}",
            [mine / other for mine, other in zip(ours, rates, strict=False)],
            2,
            _GOALS.get(name),
        )
        for name, rates in theirs.items()
    ]
    left_out = [f"Left out: {name}, as {reason}." for name, reason in results["left_out"].items()]
    return [
        tables.Figures(title, [tables.Figure(name, values) for name, values in rates.items()]),
        tables.Figures("stream-rfm beside the others, ratios within a run", ratios, left_out),
    ]


def _commands(names: list[str], left_out: dict[str, str]) -> dict[str, list[str]]:
    """How to run the peers that can be had here; the reasons why of the others go where they are said."""
    commands = {}
    for name in names:
        try:
            commands[name] = _PEERS_BY_NAME[name].command()
        except peer_tools.NotToBeHadError as error:
            left_out[name] = str(error)
            harness.progress(f"left out: {name}, as {error}")
    return commands


def _fill(
    bench: harness.Bench, environment: dict[str, str], prefix: str, options: argparse.Namespace
) -> None:
    """Declare the topics of a run, one for what peers tell, too, and fill the orders."""
    harness.progress(f"{prefix}orders: {options.orders:,} orders of {options.customers:,} customers")
    bench.forget()
    harness.declare(environment)
    servers, told = bench.endpoints.bootstrap_servers, f"{prefix}transitions-of-peers"
    with admin_client(KafkaSettings(bootstrap_servers=servers)) as admin:
        admin.create_topics({told: {"num_partitions": options.partitions, "replication_factor": 1}})
        admin.wait_for_topics([told])
    pairs = workloads.uniform(options.orders, options.customers, time.time_ns() // 1000)
    feed.run(servers, f"{prefix}orders", options.partitions, pairs)


def _measure_peer(
    bench: harness.Bench, prefix: str, name: str, command: list[str], options: argparse.Namespace
) -> list[float]:
    """Orders a second of each round of a peer."""
    peer = _PEERS_BY_NAME[name]
    orders = min(options.orders, peer.most_orders or options.orders) // _SAY_EVERY * _SAY_EVERY
    folder = bench.folder / f"{prefix}{name}"
    folder.mkdir()
    environment = {
        **os.environ,
        "PEER_ID": f"{prefix}{name}",
        "PEER_BROKER": bench.endpoints.bootstrap_servers,
        "PEER_ORDERS": f"{prefix}orders",
        "PEER_TOLD": f"{prefix}transitions-of-peers",
        "PEER_PARTITIONS": str(options.partitions),
        "PEER_FOLDER": str(folder),
        "PEER_COUNT": str(orders),
        "PEER_ROUNDS": str(peer.rounds),
    }
    rounds = peer_rounds.rounds_of(command, environment, bench, orders, peer.rounds)
    return [harness.rate(samples) for samples in rounds]


def rows(peers: dict[str, list[list[float]]]) -> dict[str, list[float]]:
    """The rates of each peer by run, of one with rounds in the first and in the last one."""
    found = {}
    for name, runs in peers.items():
        peer = _PEERS_BY_NAME[name]
        if runs and peer.rounds > 1:
            found[_COLD.format(peer.title)] = [rates[0] for rates in runs]
            found[_WARM.format(peer.title, peer.rounds)] = [rates[-1] for rates in runs]
        elif runs:
            found[peer.title] = [rates[0] for rates in runs]
    return found
