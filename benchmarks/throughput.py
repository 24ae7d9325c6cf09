"""Orders a second on one core, the whole path, beside the naive Faust agent in the same run.

The topic is filled first; then the worker counts, scores, publishes transitions and segments, and writes the
cache, until it has seen every order.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import feed
import harness


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=int, default=2_000_000)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer-orders", type=int, default=40_000)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Orders a second of each run, of the worker and of the peer."""
    ours, peers = [], []
    with harness.bench() as bench:
        for run in range(1, options.runs + 1):
            prefix = f"bench{run}-"
            environment = bench.environment(prefix, options.partitions)
            harness.declare(environment)
            harness.progress(f"run {run}: {options.orders:,} orders of {options.customers:,} customers")
            feed.run(
                bench.endpoints.bootstrap_servers,
                f"{prefix}orders",
                options.partitions,
                options.orders,
                options.customers,
                time.time_ns() // 1000,
            )
            ours.append(measure_worker(bench, environment, options.orders))
            peers.append(_measure_peer(bench, environment, prefix, options))
            harness.progress(f"run {run}: {ours[-1]:,.0f} beside {peers[-1]:,.0f} orders/s")
    return {"stream_rfm": ours, "naive_faust": peers}


def show(options: argparse.Namespace, results: dict[str, Any]) -> None:
    ours, peers = results["stream_rfm"], results["naive_faust"]
    title = f"Orders a second on one core: {options.orders:,} orders of {options.customers:,} customers"
    harness.print_table(title, {"stream-rfm, orders/s": ours, "naive Faust agent, orders/s": peers})
    ratios = [mine / other for mine, other in zip(ours, peers, strict=True)]
    print(f"\nTimes as quick: {min(ratios):.1f} to {max(ratios):.1f}.")


def measure_worker(
    bench: harness.Bench,
    environment: dict[str, str],
    orders: int,
    on_start: Callable[[int], None] = lambda _: None,
) -> float:
    """Orders a second between the first and the last transaction seen; the worker's id may be handed on."""
    log = bench.folder / "worker.log"
    with harness.worker(environment, log, bench.workers_core) as worker:
        url = harness.wait_for(lambda: harness.metrics_url(log), worker, 60)
        on_start(worker.pid)
        samples: list[tuple[float, float]] = []
        while not samples or samples[-1][0] < orders:
            if worker.poll() is not None:
                raise SystemExit(f"the worker ended:\n{log.read_text()[-2000:]}")
            seen = harness.metric(url, harness.ORDERS_SEEN)
            if seen and (not samples or seen > samples[-1][0]):
                samples.append((seen, time.monotonic()))
            time.sleep(harness.POLL_SECONDS)
    return harness.rate(samples)


def _measure_peer(
    bench: harness.Bench, environment: dict[str, str], prefix: str, options: argparse.Namespace
) -> float:
    """Orders a second of the naive agent, over so many of the same orders."""
    peer_environment = {
        **environment,
        "PEER_ID": f"{prefix}peer",
        "PEER_BROKER": bench.endpoints.bootstrap_servers,
        "PEER_ORDERS": f"{prefix}orders",
        "PEER_TOLD": f"{prefix}segment-transitions",
        "PEER_PARTITIONS": str(options.partitions),
    }
    command = harness.faust_peer("naive_faust.py")
    [samples] = harness.peer_rounds(command, peer_environment, bench, options.peer_orders)
    return harness.rate(samples)
