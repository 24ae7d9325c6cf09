"""A worker on a core of its own that knows customers, and what it makes of orders sent on a schedule.

The worker has one core. Kafka, Valkey, who sends, and who waits for transitions and lookups share the other.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import feed
import harness
import msgspec
import numpy as np
import schedule
import workloads
from redis import Redis

REDIS_CALLS = "MSET"
COMMITS = 'stream_rfm_commits_total{result="committed"}'
# Between the word to start and the first order.
_AHEAD_SECONDS = 0.3
# Orders of so long after the start are left out: connections and caches are cold.
_WARM_UP_SECONDS = 1.0
# Orders that are not counted so long after the last one was due: the load was too much.
_DRAIN_SECONDS = 120.0
_LOOKUPS_A_SECOND = 100


@dataclass(slots=True)
class Stage:
    """A deployment whose customers are known, scored and in the cache; its worker may be exchanged."""

    bench: harness.Bench
    prefix: str
    partitions: int
    customers: int
    environment: dict[str, str]
    worker: subprocess.Popen[bytes] = field(init=False)
    url: str = field(init=False)
    _runs: int = 0
    _starts: int = 0

    def start(self) -> None:
        """Start the worker, and wait until it has taken its partitions over."""
        self._starts += 1
        log = self.bench.folder / f"{self.prefix}worker-{self._starts}.log"
        self.worker = harness.start_worker(self.environment, log, self.bench.workers_core)
        self.url = harness.wait_for(lambda: harness.metrics_url(log), self.worker, 60)
        harness.wait_for(lambda: harness.said(log, "took partitions over"), self.worker, 300)

    def end(self) -> None:
        """End the worker by SIGTERM; it leaves snapshots."""
        harness.end(self.worker)

    def metric(self, name: str) -> float:
        """A metric of the worker."""
        return harness.metric(self.url, name)

    def wait_until(self, name: str, value: float, seconds: float) -> None:
        """Wait until a metric has come to a value."""
        harness.wait_for(lambda: self.metric(name) >= value or None, self.worker, seconds)

    def wait_for_cache(self, seconds: float = 600) -> None:
        """Wait until Redis has all that it is to have."""
        harness.wait_for(lambda: self.metric(harness.CACHE_PENDING) == 0 or None, self.worker, seconds)

    def plan(self, rate: float, seconds: float, new_every: int = 10, only: int = -1) -> schedule.Schedule:
        """A schedule with names of its own."""
        self._runs += 1
        topic, run = f"{self.prefix}orders", f"{self._runs}"
        return schedule.Schedule(
            run, topic, self.partitions, rate, seconds, self.customers, new_every=new_every, only=only
        )

    def load(self, plan: schedule.Schedule, *, lookups: bool = False, holds: bool = False) -> dict[str, Any]:
        """Send the orders of a schedule, and say what it took until what was there.

        Args:
            plan: the orders.
            lookups: whether the cache is asked for new customers meanwhile.
            holds: whether the worker's event loop is asked whether it turns.
        """
        harness.write_back()
        before = self.metric(harness.EVENTS_SEEN)
        counts = self._counts()
        with ExitStack() as stack, harness.on_core(self.bench.services_core):
            probes = self._probes(stack, plan, lookups=lookups, holds=holds)
            pids = {name: probe.process.pid for name, probe in probes.items()} | self._pids()
            used, begun = {name: harness.cpu_seconds(pid) for name, pid in pids.items()}, time.time()
            waited = harness.waited_seconds(self.worker.pid)
            start = time.time() + _AHEAD_SECONDS
            for probe in probes.values():
                probe.tell(f"{start!r}\n")
            feeder = probes["feeder"].process
            late = float((feeder.stdout or sys.stdin).readline() or "nan")
            took = {name: harness.cpu_seconds(pid) - used[name] for name, pid in pids.items()}
            waited = (harness.waited_seconds(self.worker.pid) - waited) / (time.time() - begun)
            cores = {name: seconds / (time.time() - begun) for name, seconds in took.items()}
            self.wait_until(harness.EVENTS_SEEN, before + plan.count, _DRAIN_SECONDS)
            behind = time.time() - (start + plan.count / plan.rate)
            cpu, took_seconds = harness.cpu_seconds(self.worker.pid) - used["worker"], time.time() - begun
            time.sleep(1)
            found = {name: probe.found() for name, probe in probes.items() if probe.path}
        return {
            **_figures(found, start + _WARM_UP_SECONDS, plan),
            "rate": plan.rate,
            "orders": plan.count,
            "cores": cores,
            "worker_waited": waited,
            "cpu_us_per_order": cpu / plan.count * 1e6,
            "feeder_late_p99_ms": late,
            "counts": {name: count - counts[name] for name, count in self._counts().items()},
            "seconds": took_seconds,
            "behind_seconds": behind,
            "cpu_seconds": cpu,
            "start": start,
        }

    def _counts(self) -> dict[str, float]:
        """What has been counted so far, by the worker and by Redis."""
        with Redis.from_url(self.environment["STREAM_RFM_REDIS__URL"], socket_timeout=10) as redis:
            calls = redis.info("commandstats").get("cmdstat_mset", {"calls": 0})["calls"]
        return {name: self.metric(name) for name in _COUNTED} | {REDIS_CALLS: calls}

    def _pids(self) -> dict[str, int]:
        services = self.bench.services
        return {"worker": self.worker.pid, "kafka": services.kafka.pid, "valkey": services.valkey.pid}

    def _probes(
        self, stack: ExitStack, plan: schedule.Schedule, *, lookups: bool, holds: bool
    ) -> dict[str, Process]:
        endpoints, folder = self.bench.endpoints, self.bench.folder
        servers, topic = endpoints.bootstrap_servers, f"{self.prefix}segment-transitions"
        wanted: dict[str, list[str]] = {"feeder": [servers], "transition_probe": [servers, topic]}
        if lookups:
            redis = self.environment["STREAM_RFM_REDIS__URL"]
            wanted["lookup_probe"] = [redis, str(_LOOKUPS_A_SECOND)]
        if holds:
            wanted["hold_probe"] = [self.url]
        probes = {}
        for name, arguments in wanted.items():
            path = None if name == "feeder" else folder / f"{self.prefix}{name}-{plan.run}.npz"
            probes[name] = Process(name, plan, arguments, path)
            stack.callback(probes[name].end)
        for probe in probes.values():
            probe.wait_until_ready()
        return probes


class Process:
    """A script of ours beside this process, which is told when to begin."""

    def __init__(
        self, name: str, plan: schedule.Schedule, arguments: list[str], path: Path | None = None
    ) -> None:
        script, said = str(harness.ROOT / f"{name}.py"), msgspec.json.encode(plan).decode()
        self.path = path
        self.process = subprocess.Popen(
            [sys.executable, script, said, *arguments, *([str(path)] if path else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        if self.process.stdout is None or self.process.stdout.readline() != "ready\n":
            raise SystemExit(f"{self.process.args} ended before it began")

    def tell(self, line: str) -> None:
        if self.process.stdin is not None:
            self.process.stdin.write(line)
            self.process.stdin.flush()

    def found(self) -> dict[str, np.ndarray]:
        """End it; the columns that it has written."""
        self.process.communicate(timeout=30)
        with np.load(self.path) as columns:
            return dict(columns)

    def end(self) -> None:
        harness.end(self.process, 10)


@contextmanager
def stage(
    bench: harness.Bench, prefix: str, partitions: int, customers: int, **settings: object
) -> Iterator[Stage]:
    """A deployment in which every customer has ordered, is scored and is in the cache."""
    count = customers * 3 // 2
    pairs = workloads.uniform(count, customers, time.time_ns() // 1000, each=True)
    with stage_of(bench, prefix, partitions, customers, pairs, **settings) as made:
        yield made


@contextmanager
def stage_of(
    bench: harness.Bench,
    prefix: str,
    partitions: int,
    customers: int,
    pairs: Iterable[workloads.Pair],
    **settings: object,
) -> Iterator[Stage]:
    """The same, of the customers of some orders."""
    bench.forget()
    environment = bench.environment(prefix, partitions, **settings)
    harness.declare(environment)
    count = feed.run(bench.endpoints.bootstrap_servers, f"{prefix}orders", partitions, pairs)
    made = Stage(bench, prefix, partitions, customers, environment)
    made.start()
    try:
        made.wait_until(harness.EVENTS_SEEN, count, 600)
        made.wait_until("stream_rfm_quantiles_version", 1, 60)
        made.wait_for_cache()
        yield made
    finally:
        made.end()


def latency(milliseconds: np.ndarray) -> dict[str, float]:
    """Percentiles of a sample, and how many there are in it."""
    if not len(milliseconds):
        return {"samples": 0}
    p50, p99, p999 = np.percentile(milliseconds, (50, 99, 99.9)).tolist()
    return {
        "samples": len(milliseconds),
        "p50": p50,
        "p99": p99,
        "p999": p999,
        "max": float(milliseconds.max()),
    }


_COUNTED = (
    harness.TRANSITIONS,
    harness.CACHE_WRITES,
    COMMITS,
)


def _figures(
    found: dict[str, dict[str, np.ndarray]], since: float, plan: schedule.Schedule
) -> dict[str, Any]:
    read = found["transition_probe"]
    warm = read["intended"] >= since
    figures: dict[str, Any] = {
        "transition": latency((read["read_at"] - read["intended"])[warm] * 1000),
        # Each new customer makes exactly one first transition: what is missing was not waited for.
        "missing": len(range(0, plan.count, plan.new_every))
        - int(np.count_nonzero(np.unique(read["numbers"]) % plan.new_every == 0)),
    }
    if "lookup_probe" in found:
        seen = found["lookup_probe"]
        warm = seen["intended"] >= since
        figures["lookup"] = latency((seen["seen_at"] - seen["intended"])[warm] * 1000)
        figures["lookups_missing"] = int(seen["missing"])
    if "hold_probe" in found:
        asked = found["hold_probe"]
        figures["hold"] = latency((asked["answered_at"] - asked["asked_at"]) * 1000)
    figures["columns"] = found
    return figures


def json_of(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures without their columns, as they are kept."""
    return json.loads(json.dumps({name: value for name, value in figures.items() if name != "columns"}))
