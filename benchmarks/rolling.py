"""A rolling restart of three workers under load: how long partitions stand still, and what latency is.

Orders come in at a steady pace. One worker after the other is exchanged, on the same folder: its successor is
started under its name and takes its place (ahead), or it is ended by SIGTERM and started again, under its
name (after) or without one, so that partitions move (nameless). A ``read_committed`` reader sees what all of
them commit: the changelog, where every partition has a record in each transaction, and the transitions that
orders cause.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import feed
import harness
import msgspec
import numpy as np
import tables
import workloads
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_rfm.stream.fetched import use_fetched

_PREFIX = "rolling-"
_CHANGELOG = f"{_PREFIX}{_PREFIX}app-customers-changelog"
# So long after a restart latency counts as the restart's: what had gathered is counted by then.
_AFTER_SECONDS = 5.0


class _Transition(msgspec.Struct):
    cause: str
    effective_at: datetime


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--steady-seconds", type=float, default=20.0)
    parser.add_argument("--rescore-seconds", type=int, default=600)
    parser.add_argument("--how", choices=("ahead", "after", "nameless"), default="ahead")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    with harness.bench(pinned=False) as bench, ExitStack() as stack:
        base = bench.environment(_PREFIX, options.partitions, rescore_seconds=options.rescore_seconds)
        harness.declare(base)
        workers = [_Worker(bench, base, number, options) for number in range(options.workers)]
        for worker in workers:
            worker.start()
            stack.callback(worker.end)
        for worker in workers:
            harness.wait_for(worker.ready, worker.process, 60)
        _fill(bench, options, workers)
        reader = _Reader(bench.endpoints.bootstrap_servers, options.partitions)
        stack.callback(reader.stop)
        reader.start()
        feeder = _feeder(bench, options)
        stack.callback(harness.end, feeder)
        time.sleep(10)
        processes = {"kafka": bench.services.kafka.pid, "feeder": feeder.pid, "reader": os.getpid()}
        processes |= {f"worker {n}": worker.process.pid for n, worker in enumerate(workers, 1)}
        begun, used = time.time(), {name: harness.cpu_seconds(pid) for name, pid in processes.items()}
        time.sleep(options.steady_seconds)
        steady = begun, time.time()
        cores = {n: (harness.cpu_seconds(p) - used[n]) / (steady[1] - begun) for n, p in processes.items()}
        restarts = [_exchange(worker, options) for worker in workers]
        moves = sum(worker.takeovers() - 1 for worker in workers)
    return {"cores": cores} | _found(reader, steady, restarts, moves)


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    title = f"Rolling restart ({options.how}) of {options.workers} workers at {options.rate:,} orders/s"
    stood = [each["standstill"].values() for each in results["restarts"]]
    figures = [
        tables.Figure("until a worker is back, s", [each["seconds"] for each in results["restarts"]], 2),
        tables.Figure("longest standstill of a partition, s", [max(seconds) for seconds in stood], 2),
        tables.Figure("partitions above 1 s", [sum(one > 1 for one in seconds) for seconds in stood]),
        tables.Figure("longest standstill without a restart, s", [results["steady_standstill"]], 2),
    ]
    for name in ("steady", "between", "during"):
        p50, p99 = results["latency"][name]
        figures.append(tables.Figure(f"order to transition, {name}, p50, ms", [p50]))
        figures.append(tables.Figure(f"order to transition, {name}, p99, ms", [p99]))
    used = ", ".join(f"{name} {cores:.2f}" for name, cores in results["cores"].items())
    notes = [
        "Minimum, median and maximum are those of the workers, one after the other.",
        f"Cores used while steady, of {os.cpu_count()}: {used}.",
        f"Takeovers beside those of the processes' starts: {results['moves']}.",
    ]
    return [tables.Figures(title, figures, notes)]


class _Worker:
    """One of the workers: its folder and its name stay, its process does not."""

    def __init__(
        self, bench: harness.Bench, base: dict[str, str], number: int, options: argparse.Namespace
    ) -> None:
        self._log = bench.folder / f"worker-{number}.log"
        self._starts = 0
        self._environment = {**base, "STREAM_RFM_DATA_DIR": str(bench.folder / f"data-{number}")}
        if options.how != "nameless":
            self._environment["STREAM_RFM_KAFKA__INSTANCE_ID"] = f"worker-{number}"
        self.process: subprocess.Popen[bytes]

    @property
    def log(self) -> Path:
        return self._log.with_suffix(f".{self._starts}.log")

    def start(self) -> None:
        self._starts += 1
        self.process = harness.start_worker(self._environment, self.log)

    def end(self) -> None:
        harness.end(self.process)

    def replace(self) -> None:
        """Start a successor, which takes the name; the process before hears of it and ends."""
        before = self.process
        self.start()
        harness.wait_for(self.ready, self.process, 120)
        before.wait(60)

    def ready(self) -> bool | None:
        """Whether its partitions have been taken over."""
        return True if harness.said(self.log, "took partitions over") else None

    def seen(self) -> float:
        url = harness.metrics_url(self.log)
        return harness.metric(url, harness.ORDERS_SEEN) if url else 0.0

    def takeovers(self) -> int:
        """How often the last process took partitions over."""
        return self.log.read_text().count('"took partitions over"')


class _Reader:
    """Reads what is committed in a thread of its own, and notes when."""

    def __init__(self, servers: str, partitions: int) -> None:
        self._servers = servers
        self._partitions = partitions
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.commits: dict[int, list[float]] = {}
        #: When it was read, and how old the order then was.
        self.latencies: list[tuple[float, float]] = []

    def start(self) -> None:
        use_fetched()
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(10)

    async def _run(self) -> None:
        topics = _CHANGELOG, f"{_PREFIX}segment-transitions"
        async with AIOKafkaConsumer(
            bootstrap_servers=self._servers, isolation_level="read_committed", fetch_max_wait_ms=50
        ) as consumer:
            consumer.assign([TopicPartition(topic, n) for topic in topics for n in range(self._partitions)])
            await consumer.seek_to_end()
            while not self._ended.is_set():
                for place, records in (await consumer.getmany(timeout_ms=100)).items():
                    now = time.time()
                    if place.topic == _CHANGELOG:
                        self.commits.setdefault(place.partition, []).append(now)
                    else:
                        self._note(now, [record.value for record in records])

    def _note(self, now: float, values: list[bytes]) -> None:
        for value in values:
            transition = msgspec.json.decode(value, type=_Transition)
            if transition.cause == "order":
                self.latencies.append((now, now - transition.effective_at.timestamp()))


def _fill(bench: harness.Bench, options: argparse.Namespace, workers: list[_Worker]) -> None:
    """Have everybody known before it begins."""
    harness.progress(f"filling orders of {options.customers:,} customers")
    count = options.customers * 3 // 2
    servers, until = bench.endpoints.bootstrap_servers, time.time_ns() // 1000
    pairs = workloads.uniform(count, options.customers, until, each=True)
    feed.run(servers, f"{_PREFIX}orders", options.partitions, pairs)
    harness.wait_for(
        lambda: sum(worker.seen() for worker in workers) >= count or None, workers[0].process, 300
    )


def _feeder(bench: harness.Bench, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    numbers = map(str, (options.partitions, options.customers, options.rate))
    arguments = bench.endpoints.bootstrap_servers, f"{_PREFIX}orders", *numbers
    return subprocess.Popen([sys.executable, str(harness.ROOT / "feed.py"), *arguments])


def _exchange(worker: _Worker, options: argparse.Namespace) -> tuple[float, float]:
    """Exchange a worker's process, and wait a while: when it began, and when its partitions were back."""
    begun = time.time()
    if options.how == "ahead":
        worker.replace()
    else:
        worker.end()
        worker.start()
        harness.wait_for(worker.ready, worker.process, 120)
    back = time.time()
    harness.progress(f"back after {back - begun:.2f} s")
    time.sleep(_AFTER_SECONDS + options.steady_seconds / 2)
    return begun, back


def _found(
    reader: _Reader, steady: tuple[float, float], restarts: list[tuple[float, float]], moves: int
) -> dict[str, Any]:
    during = [(begun, back + _AFTER_SECONDS) for begun, back in restarts]
    between = [(end, start) for (_, end), (start, _) in pairwise([*during, (time.time(), 0.0)])]
    return {
        "steady_standstill": max(_standstills(reader, *steady).values()),
        "restarts": [
            {"seconds": back - begun, "standstill": _standstills(reader, begun, back + _AFTER_SECONDS)}
            for begun, back in restarts
        ],
        "latency": {
            "steady": _percentiles(reader, [steady]),
            "between": _percentiles(reader, between),
            "during": _percentiles(reader, during),
        },
        "moves": moves,
    }


def _standstills(reader: _Reader, start: float, end: float) -> dict[int, float]:
    """By partition the longest time without a commit; one that began before counts, too."""
    found = {}
    for partition, commits in reader.commits.items():
        times = np.array(commits)
        first = max(0, int(np.searchsorted(times, start)) - 1)
        inside = np.append(times[first : np.searchsorted(times, end)], end)
        found[partition] = float(np.diff(inside).max())
    return found


def _percentiles(reader: _Reader, stretches: list[tuple[float, float]]) -> tuple[float, float]:
    """Median and 99th percentile of what was read in some stretches of time, in milliseconds."""
    read_at, latency = np.array(reader.latencies).T
    inside = np.zeros(len(read_at), bool)
    for start, end in stretches:
        inside |= (read_at >= start) & (read_at < end)
    p50, p99 = np.percentile(latency[inside], (50, 99)) * 1000
    return float(p50), float(p99)
