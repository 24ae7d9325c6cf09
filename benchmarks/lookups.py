"""Lookups from Redis by the client library: latency at a rate while orders flow, and the greatest rate.

Each lookup counts from the instant at which it was due. The client and Valkey have a core, and Kafka, the
feeder and the worker the other one: a service that looks segments up runs on no broker's machine. Then the
same is measured where all but the worker share one core, as in the other benchmarks.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import harness
import numpy as np
import staged
import tables

from stream_rfm.client import SegmentReader

_GREATEST_SECONDS = 3.0
_AT_ONCE = 100


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
            with _beside_the_worker(bench):
                found = {
                    "apart": _beside_orders(stage, options, bench.workers_core),
                    "quiet": _client(bench, _paced, stage, options),
                    "greatest": _client(bench, _greatest, stage, options),
                }
            found["together"] = _beside_orders(stage, options, bench.services_core)
            runs.append(found)
            harness.progress(
                f"run {run}: p99 {found['apart']['p99']:.2f} ms, {found['together']['p99']:.2f} on one core"
            )
    return {"runs": runs}


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    runs = results["runs"]
    figures = []
    for key, name in (
        ("apart", f"beside {options.orders_rate:,} orders/s"),
        ("quiet", "beside none"),
        ("together", f"beside {options.orders_rate:,} orders/s, client, Valkey and Kafka on one core"),
    ):
        figures += [
            tables.Figure(
                f"{options.rate:,} lookups/s {name}: {shown}, ms",
                [run[key][percentile] for run in runs],
                3,
                tables.Goal(1) if (key, percentile) == ("apart", "p99") else None,
            )
            for percentile, shown in (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"))
        ]
    single = [run["greatest"]["get"] for run in runs]
    many = [run["greatest"]["get_many"] for run in runs]
    figures += [
        tables.Figure("one after the other without a pause: customers/s", single),
        tables.Figure(f"{_AT_ONCE} at once without a pause: customers/s", many),
        tables.Figure(
            f"{_AT_ONCE} at once: times as many", [a / b for a, b in zip(many, single, strict=True)], 1
        ),
    ]
    note = f"{runs[0]['apart']['samples']:,} lookups a run, one client in one thread."
    title = f"SegmentReader.get, {options.rate:,} lookups/s of {options.customers:,} customers"
    return [tables.Figures(title, figures, [note])]


@contextmanager
def _beside_the_worker(bench: harness.Bench) -> Iterator[None]:
    """Kafka on the worker's core meanwhile."""
    harness.pin(bench.services.kafka.pid, bench.workers_core)
    try:
        yield
    finally:
        harness.pin(bench.services.kafka.pid, bench.services_core)


def _beside_orders(stage: staged.Stage, options: argparse.Namespace, feeders_core: int) -> dict[str, float]:
    """What a client finds while a process of its own sends orders at a steady rate."""
    bench, plan = stage.bench, stage.plan(options.orders_rate, options.seconds + 3)
    seen = stage.metric(harness.EVENTS_SEEN)
    with harness.on_core(feeders_core):
        feeder = staged.Process("feeder", plan, [bench.endpoints.bootstrap_servers])
    feeder.wait_until_ready()
    feeder.tell(f"{time.time()!r}\n")
    time.sleep(1)
    found = _client(bench, _paced, stage, options)
    feeder.process.wait(60)
    stage.wait_until(harness.EVENTS_SEEN, seen + plan.count, 60)
    return found


def _client(
    bench: harness.Bench, what: Any, stage: staged.Stage, options: argparse.Namespace
) -> dict[str, float]:
    """What a process on Valkey's core finds: one that shares no lock with this one."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    url = stage.environment["STREAM_RFM_REDIS__URL"]
    with harness.on_core(bench.services_core):
        process = context.Process(target=_run, args=(theirs, what, url, vars(options)))
        process.start()
    theirs.close()
    try:
        found: dict[str, float] = ours.recv()
    finally:
        process.join(30)
        process.kill()
    return found


def _run(out: Connection, what: Any, url: str, options: dict[str, Any]) -> None:
    with SegmentReader(url) as reader:
        random = np.random.default_rng(11)
        names = [f"c-{who}" for who in random.integers(0, options["customers"], 100_000).tolist()]
        reader.get(names[0])
        out.send(what(reader, names, options))


def _paced(reader: SegmentReader, names: list[str], options: dict[str, Any]) -> dict[str, float]:
    count, step = round(options["rate"] * options["seconds"]), 1 / options["rate"]
    took, found, start = np.empty(count), 0, time.perf_counter() + 0.1
    for number in range(count):
        due = start + number * step
        pause = due - time.perf_counter()
        if pause > 0:
            time.sleep(pause)
        found += reader.get(names[number % len(names)]) is not None
        took[number] = time.perf_counter() - due
    if found < count:
        raise SystemExit(f"{count - found:,} of {count:,} customers are not in Redis")
    return staged.latency(took * 1000)


def _greatest(reader: SegmentReader, names: list[str], options: dict[str, Any]) -> dict[str, float]:
    del options

    def rate(ask: Any, each: int) -> float:
        start, asked = time.perf_counter(), 0
        while time.perf_counter() < start + _GREATEST_SECONDS:
            first = asked % (len(names) - each)
            ask(names[first : first + each])
            asked += each
        return asked / (time.perf_counter() - start)

    return {"get": rate(lambda some: reader.get(some[0]), 1), "get_many": rate(reader.get_many, _AT_ONCE)}
