"""Lookups from Redis by the client library: latency at a rate while orders flow, and the greatest rate.

Each lookup counts from the instant at which it was due. The client and Valkey have a core, and Kafka, the
feeder and the worker the other one: a service that looks segments up runs on no broker's machine. Then the
same is measured where all but the worker share one core, as in the other benchmarks.

Beside it stand redis-py, asked the same, and a clock that is looked at for as long as a lookup takes, where
nothing else runs: what is late there is late by the machine, and no client could do better.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import harness
import lookup_client
import staged
import tables


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=int, default=5_000, help="lookups/s")
    parser.add_argument("--orders-rate", type=int, default=5_000, help="orders/s meanwhile")
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--runs", type=int, default=5)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    runs = []
    with (
        harness.bench() as bench,
        staged.stage(bench, "lookups-", options.partitions, options.customers) as stage,
    ):
        for run in range(1, options.runs + 1):
            runs.append(_run(stage, options))
            harness.progress(
                f"run {run}: p99 {runs[-1]['apart']['p99']:.2f} ms, {runs[-1]['redis_py']['p99']:.2f} "
                f"by redis-py, {runs[-1]['clock']['p99']:.2f} by a clock"
            )
    return {"runs": runs}


def _run(stage: staged.Stage, options: argparse.Namespace) -> dict[str, lookup_client.Found]:
    bench, url, given = stage.bench, stage.environment["STREAM_RFM_REDIS__URL"], vars(options)

    def client(what: Callable[..., lookup_client.Found], of: str | float) -> lookup_client.Found:
        return lookup_client.in_process(bench.services_core, what, of, given)

    with _beside_the_worker(bench):
        with _orders(stage, options, bench.workers_core):
            apart = client(lookup_client.by_reader, url)
        with _orders(stage, options, bench.workers_core):
            redis_py = client(lookup_client.by_redis_py, url)
        quiet = client(lookup_client.by_reader, url)
        greatest = client(lookup_client.greatest, url)
        clock = client(lookup_client.by_a_clock, 1 / greatest["get"])
    with _orders(stage, options, bench.services_core):
        together = client(lookup_client.by_reader, url)
    return {
        "apart": apart,
        "redis_py": redis_py,
        "quiet": quiet,
        "greatest": greatest,
        "clock": clock,
        "together": together,
    }


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    runs = results["runs"]
    beside = f"beside {options.orders_rate:,} orders/s"
    figures = []
    for key, name in (
        ("apart", f"{options.rate:,} lookups/s {beside}"),
        ("redis_py", f"{options.rate:,} GETs/s by redis-py {beside}"),
        ("quiet", f"{options.rate:,} lookups/s beside none"),
        ("clock", f"{options.rate:,} looks/s at a clock, each as long as a lookup, beside none"),
        ("together", f"{options.rate:,} lookups/s {beside}, client, Valkey and Kafka on one core"),
    ):
        figures += [
            tables.Figure(
                f"{name}: {shown}, ms",
                [run[key][percentile] for run in runs],
                3,
                tables.Goal(1) if (key, percentile) == ("apart", "p99") else None,
            )
            for percentile, shown in (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"))
        ]
    figures += _greatest([run["greatest"] for run in runs])
    note = f"{runs[0]['apart']['samples']:,} lookups a run, one client in one thread."
    title = f"SegmentReader.get, {options.rate:,} lookups/s of {options.customers:,} customers"
    return [tables.Figures(title, figures, [note])]


def _greatest(runs: Sequence[lookup_client.Found]) -> list[tables.Figure]:
    single, many = [run["get"] for run in runs], [run["get_many"] for run in runs]
    at_once = f"{lookup_client.AT_ONCE} at once"
    return [
        tables.Figure("one after the other without a pause: customers/s", single),
        tables.Figure(f"{at_once} without a pause: customers/s", many),
        tables.Figure(f"{at_once}: times as many", [a / b for a, b in zip(many, single, strict=True)], 1),
    ]


@contextmanager
def _beside_the_worker(bench: harness.Bench) -> Iterator[None]:
    """Kafka on the worker's core meanwhile."""
    harness.pin(bench.services.kafka.pid, bench.workers_core)
    try:
        yield
    finally:
        harness.pin(bench.services.kafka.pid, bench.services_core)


@contextmanager
def _orders(stage: staged.Stage, options: argparse.Namespace, feeders_core: int) -> Iterator[None]:
    """A process of its own sends orders at a steady rate meanwhile; the worker has counted all afterwards."""
    bench, plan = stage.bench, stage.plan(options.orders_rate, options.seconds + 3)
    seen = stage.metric(harness.EVENTS_SEEN)
    with harness.on_core(feeders_core):
        feeder = staged.Process("feeder", plan, [bench.endpoints.bootstrap_servers])
    feeder.wait_until_ready()
    feeder.tell(f"{time.time()!r}\n")
    time.sleep(1)
    yield
    feeder.process.wait(60)
    stage.wait_until(harness.EVENTS_SEEN, seen + plan.count, 60)
