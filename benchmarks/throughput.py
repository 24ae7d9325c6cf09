"""Orders a second on one core, the whole path, of populations that ask different things of it.

The topic is filled first; then the worker counts, scores, publishes transitions and segments, and writes the
cache, until it has seen every order.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import feed
import harness
import tables
import workloads

_PER_ORDER = ("transitions", "cache_writes", "changelog_bytes", "cpu_us")
# So long Redis may take, behind the last order, to have all.
_CACHE_SECONDS = 900.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=int, default=800_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    names = list(workloads.WORKLOADS)
    parser.add_argument("--workloads", nargs="+", choices=names, default=names)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """What each run has found, by workload."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in options.workloads}
    with harness.bench() as bench:
        for run in range(1, options.runs + 1):
            for name in options.workloads:
                found[name].append(_measure(bench, f"{name}{run}-", name, options))
                harness.progress(f"run {run}: {name} {found[name][-1]['rate']:,.0f} orders/s")
    return found


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    titles = {name: workloads.WORKLOADS[name].title for name in results}
    first = next(iter(results))
    rates = [
        tables.Figure(f"{titles[name]}, orders/s", [run["rate"] for run in runs])
        for name, runs in results.items()
    ]
    ratios = [
        tables.Figure(
            f"{titles[name]}: share of {titles[first]}",
            [run["rate"] / other["rate"] for run, other in zip(runs, results[first], strict=True)],
            2,
        )
        for name, runs in results.items()
        if name != first
    ]
    header = [
        "for each order",
        "transitions",
        "Redis writes",
        "changelog, bytes",
        "CPU, µs",
        "Redis has all, s later",
    ]
    rows = [
        [titles[name], *(f"{_median(runs, what):,.2f}" for what in (*_PER_ORDER, "cache_seconds"))]
        for name, runs in results.items()
    ]
    what = f"{options.orders:,} events in {options.partitions} partitions, one core"
    return [
        tables.Figures(f"Whole path, by population: {what}", [*rates, *ratios]),
        tables.Plain(
            f"What an order costs, by population: {what}; medians",
            header,
            rows,
            ["Changelog: its topic on the broker's disk. CPU: the worker's, from first to last order."],
        ),
    ]


def _median(runs: Sequence[dict[str, float]], what: str) -> float:
    return tables.Figure(what, [run[what] for run in runs]).median


def _measure(bench: harness.Bench, prefix: str, name: str, options: argparse.Namespace) -> dict[str, float]:
    environment = bench.environment(prefix, options.partitions)
    bench.forget()
    harness.declare(environment)
    pairs = workloads.WORKLOADS[name].make(options.orders, time.time_ns() // 1000)
    feed.run(bench.endpoints.bootstrap_servers, f"{prefix}orders", options.partitions, pairs)
    facts = measure_worker(bench, environment, options.orders)
    changelog = bench.topic_bytes(f"{prefix}{prefix}app-customers-changelog")
    facts["changelog_bytes"] = changelog / options.orders
    facts["transitions"] /= options.orders
    facts["cache_writes"] /= options.orders
    return facts


def measure_worker(
    bench: harness.Bench,
    environment: dict[str, str],
    events: int,
    on_start: Callable[[int], None] = lambda _: None,
) -> dict[str, float]:
    """Orders a second between the first and the last transaction seen, and what it took.

    Args:
        bench: where.
        environment: of the worker.
        events: how many are to be counted.
        on_start: told the worker's process id.
    """
    log = bench.folder / "worker.log"
    harness.write_back()
    with harness.worker(environment, log, bench.workers_core) as worker:
        url = harness.wait_for(lambda: harness.metrics_url(log), worker, 60)
        on_start(worker.pid)
        samples: list[tuple[float, float]] = []
        used: list[float] = []
        nothing = 0.0, time.monotonic(), harness.cpu_seconds(worker.pid)
        while not samples or samples[-1][0] < events:
            if worker.poll() is not None:
                raise SystemExit(f"the worker ended:\n{harness.last_words(log)}")
            asked = time.monotonic()
            seen = harness.metric(url, harness.EVENTS_SEEN)
            if seen and (not samples or seen > samples[-1][0]):
                # A busy worker takes its time to answer: the first count may be as old as the question, and
                # the last one as young as the answer.
                samples.append((seen, time.monotonic() if samples else asked))
                used.append(harness.cpu_seconds(worker.pid))
            elif not seen:
                nothing = seen, time.monotonic(), harness.cpu_seconds(worker.pid)
            time.sleep(harness.POLL_SECONDS)
        if len(samples) == 1:
            # So few that all were counted between two looks.
            samples.insert(0, nothing[:2])
            used.insert(0, nothing[2])
        counted = samples[-1][0] - samples[0][0]
        harness.wait_for(
            lambda: harness.metric(url, harness.CACHE_PENDING) == 0 or None, worker, _CACHE_SECONDS
        )
        return {
            "rate": harness.rate(samples),
            "cpu_us": (used[-1] - used[0]) / counted * 1e6,
            "rss": harness.resident_bytes(worker.pid),
            "state": harness.metric(url, "stream_rfm_state_bytes"),
            "cache_seconds": time.monotonic() - samples[-1][1],
            "transitions": harness.metric(url, harness.TRANSITIONS),
            "cache_writes": harness.metric(url, harness.CACHE_WRITES),
        }
