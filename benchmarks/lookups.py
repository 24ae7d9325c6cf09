"""Lookups from Redis by the client library: latency at a rate while orders flow, and the greatest rate.

Each lookup counts from the instant at which it was due. The client shares a core with Kafka, Valkey and the
feeder, or with the worker; elsewhere they are machines of their own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Sequence
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
    parser.add_argument("--client-core", choices=("services", "worker"), default="services")
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--runs", type=int, default=3)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    runs = []
    with (
        harness.bench() as bench,
        staged.stage(bench, "lookups-", options.partitions, options.customers) as stage,
    ):
        for run in range(1, options.runs + 1):
            redis = stage.environment["STREAM_RFM_REDIS__URL"]
            quiet = _client(bench, _paced, redis, options)
            with _orders(stage, options):
                loaded = _client(bench, _paced, redis, options)
            greatest = _client(bench, _greatest, redis, options)
            runs.append({"quiet": quiet, "loaded": loaded, "greatest": greatest})
            harness.progress(f"run {run}: p99 {quiet['p99']:.2f} and {loaded['p99']:.2f} ms")
    return {"runs": runs}


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    runs = results["runs"]
    figures = []
    for key, name in (("loaded", f"beside {options.orders_rate:,} orders/s"), ("quiet", "beside none")):
        figures += [
            tables.Figure(
                f"{options.rate:,} lookups/s {name}: {shown}, ms",
                [run[key][percentile] for run in runs],
                3,
                tables.Goal(1) if (key, percentile) == ("loaded", "p99") else None,
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
    note = f"{runs[0]['loaded']['samples']:,} lookups a run, one client in one thread."
    title = f"SegmentReader.get, {options.rate:,} lookups/s of {options.customers:,} customers"
    return [tables.Figures(title, figures, [note])]


class _orders:  # noqa: N801 - reads as what it is in a with statement
    """Orders at a steady rate meanwhile, by a process of their own."""

    def __init__(self, stage: staged.Stage, options: argparse.Namespace) -> None:
        self._stage = stage
        self._plan = stage.plan(options.orders_rate, options.seconds + 3)

    def __enter__(self) -> None:
        self._seen = self._stage.metric(harness.EVENTS_SEEN)
        with harness.on_core(self._stage.bench.services_core):
            servers = self._stage.bench.endpoints.bootstrap_servers
            self._feeder = staged.Process("feeder", self._plan, [servers])
        self._feeder.wait_until_ready()
        self._feeder.tell(f"{time.time()!r}\n")
        time.sleep(1)

    def __exit__(self, *_: object) -> None:
        self._feeder.process.wait(60)
        self._stage.wait_until(harness.EVENTS_SEEN, self._seen + self._plan.count, 60)


def _client(bench: harness.Bench, what: Any, url: str, options: argparse.Namespace) -> dict[str, float]:
    """What a process on the services' core finds: one that shares no lock with this one."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    core = bench.services_core if options.client_core == "services" else bench.workers_core
    with harness.on_core(core):
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
