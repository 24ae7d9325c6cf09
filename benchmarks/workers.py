"""Two workers instead of one: CPU for each order, and how quick two would be on cores of their own.

Two cores are too few for two workers and Kafka. So it is CPU that is measured, which the workers use between
their first and last order, on a core that they share with each other and not with Kafka: two such cores do in
the same time what twice the CPU does. Beside it stands what two do with a core each, one of them Kafka's.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import feed
import harness
import tables
import workloads

# Workers that stand still while the topic is filled keep their partitions.
_SESSION_SECONDS = 60


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=int, default=1_200_000)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, list[dict[str, float]]] = {"one": [], "two": [], "apart": []}
    with harness.bench() as bench:
        core = bench.workers_core
        cores_of = {"one": [core], "two": [core, core], "apart": [core, bench.services_core]}
        for run in range(1, options.runs + 1):
            for name, cores in cores_of.items():
                found[name].append(_measure(bench, f"{name}{run}-", cores, options))
                said = ", ".join(f"{what} {value:,.2f}" for what, value in found[name][-1].items())
                harness.progress(f"run {run}: {name}: {said}")
    return found


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    one, two, apart = results["one"], results["two"], results["apart"]
    times = [2 * a["cpu_us"] / b["cpu_us"] for a, b in zip(one, two, strict=True)]
    figures = [
        tables.Figure("one worker: CPU, µs an order", [run["cpu_us"] for run in one], 2),
        tables.Figure("two workers: CPU of both, µs an order", [run["cpu_us"] for run in two], 2),
        tables.Figure(
            "two on two cores: times as quick, brokers aside", times, 2, tables.Goal(1.8, at_least=True)
        ),
        tables.Figure("one worker, orders/s", [run["rate"] for run in one]),
        tables.Figure("two workers on that core, orders/s", [run["rate"] for run in two]),
        tables.Figure(
            "a core each, one of them Kafka's: CPU of both, µs an order", [run["cpu_us"] for run in apart], 2
        ),
        tables.Figure("a core each, one of them Kafka's: orders/s", [run["rate"] for run in apart]),
        tables.Figure("a core each: share of the one that does less", [run["least"] for run in apart], 2),
    ]
    return [tables.Figures(f"Two workers and one, {options.orders:,} orders", figures)]


def _measure(
    bench: harness.Bench, prefix: str, cores: Sequence[int], options: argparse.Namespace
) -> dict[str, float]:
    settings = {"kafka__session_timeout_seconds": _SESSION_SECONDS}
    environment = bench.environment(prefix, options.partitions, **settings)
    bench.forget()
    harness.declare(environment)
    with ExitStack() as stack:
        workers = [
            _Worker(stack, environment, bench.folder / f"{prefix}{number}", core)
            for number, core in enumerate(cores)
        ]
        for worker in workers:
            worker.wait_until_it_has(options.partitions // len(workers))
        with _held(workers):
            pairs = workloads.uniform(options.orders, options.customers, time.time_ns() // 1000)
            feed.run(bench.endpoints.bootstrap_servers, f"{prefix}orders", options.partitions, pairs)
            harness.write_back()
            used = [harness.cpu_seconds(worker.process.pid) for worker in workers]
        start, seen = time.monotonic(), [0.0]
        while sum(seen) < options.orders:
            time.sleep(harness.POLL_SECONDS)
            seen = [worker.seen() for worker in workers]
        took = time.monotonic() - start
        cpu = sum(harness.cpu_seconds(worker.process.pid) for worker in workers) - sum(used)
    return {
        "rate": options.orders / took,
        "cpu_us": cpu / options.orders * 1e6,
        "least": min(seen) / options.orders,
    }


@contextmanager
def _held(workers: Sequence[_Worker]) -> Iterator[None]:
    """Have workers stand still meanwhile, so that all there is to count is there when they begin."""
    for worker in workers:
        worker.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            worker.process.send_signal(signal.SIGCONT)


class _Worker:
    def __init__(self, stack: ExitStack, environment: dict[str, str], folder: Path, core: int) -> None:
        self._log = folder.with_suffix(".log")
        own = {**environment, "STREAM_RFM_DATA_DIR": str(folder)}
        self.process: subprocess.Popen[bytes] = stack.enter_context(harness.worker(own, self._log, core))
        self._url = harness.wait_for(lambda: harness.metrics_url(self._log), self.process, 60)

    def wait_until_it_has(self, partitions: int) -> None:
        """Wait until it has so many partitions, and not more."""
        harness.wait_for(
            lambda: harness.series(self._url, "stream_rfm_state_bytes") == partitions or None,
            self.process,
            120,
        )

    def seen(self) -> float:
        """How many events it has counted."""
        return harness.metric(self._url, harness.EVENTS_SEEN)
