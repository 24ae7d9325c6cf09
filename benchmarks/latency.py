"""From order to transition and to lookup, at 10, 50 and 80% of the greatest load measured in the same run.

Orders are sent on a schedule, whatever becomes of those before, and each counts from the instant at which it
was due: nothing that stands still hides what waits for it. A tenth of the orders is of new customers, whose
first transition has to follow. The greatest load is measured the same way: it is the greatest that is
sustained, so that no backlog grows (Karimov et al., "Benchmarking Distributed Stream Data Processing
Systems", ICDE 2018). It is less than what a worker makes of a full topic, when Kafka has nothing to take in.

The broker is one that has worked for a while. It does not verify (``verification.py``); half of the greatest
load is put on once more while it does.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import feed
import harness
import numpy as np
import staged
import tables
import throughput
import verification
import workloads

# A load is sustained if so long after the last order was due, in seconds, all are counted.
_BEHIND_SECONDS = 0.5
# And that so many times in succession: what is borne once may have met a quick minute of the machine; at 80%
# of such a load orders waited for two seconds.
_TIMES = 2
# The load that is judged, in percent of the greatest.
_HALF = 50
# What is tried: parts of a full topic's rate, from above; and one between the first that goes and the last
# that does not.
_PARTS = [part / 100 for part in range(100, 0, -10)]
# Before each stage's first load, seconds of that at half: a worker and a broker meet it cold, and whichever
# load came first would take longer for it.
_WARM_UP_SECONDS = 5.0
# Loads that are put on before anything is measured, in orders/s and seconds: one that has run for days is
# compiled as well as can be, this broker is after some two minutes of work.
_BROKERS_WARM_UP = (50_000, 10.0)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--loads", nargs="+", type=float, default=[10, _HALF, 80], help="%% of the greatest")
    parser.add_argument(
        "--rate", type=int, default=0, help="orders/s that count as the greatest; 0: measure it"
    )
    parser.add_argument("--orders", type=int, default=800_000, help="for measuring the greatest load")
    parser.add_argument("--seconds", type=float, default=10.0, help="at each load")
    parser.add_argument(
        "--warm-up", type=int, default=12, help="loads of ten seconds until the broker is compiled"
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--settings", nargs="*", default=[], help="of the worker, as commit_ms=25")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    with harness.bench(long_lived=True) as bench:
        _warm_broker_up(bench, options)
        return {"runs": [_run(bench, options, run) for run in range(1, options.runs + 1)]}


def _run(bench: harness.Bench, options: argparse.Namespace, run: int) -> dict[str, Any]:
    servers = bench.endpoints.bootstrap_servers
    with verification.without(servers):
        greatest, full = _greatest(bench, options, run)
    harness.progress(f"run {run}: at most {greatest:,.0f} orders/s, of a full topic {full:,.0f}")
    found: dict[str, Any] = {}
    # Of customers who were not there before, each: the greatest load has brought too many. Each is the first
    # in every second run, as a broker that has run for longer is quicker.
    for verifies in (run % 2 == 0, run % 2 == 1):
        if verifies:
            with _stage(bench, options, f"verified{run}-") as stage:
                _warm_up(stage, greatest)
                found["verified"] = _load(stage, options, greatest, _HALF)
        else:
            with verification.without(servers), _stage(bench, options, f"latency{run}-") as stage:
                _warm_up(stage, greatest)
                found["loads"] = {
                    f"{load:g}": _load(stage, options, greatest, load) for load in options.loads
                }
    return {"greatest": greatest, "full": full, **found}


def _greatest(bench: harness.Bench, options: argparse.Namespace, run: int) -> tuple[float, float]:
    """The greatest load, and what the worker makes of a full topic, in orders a second."""
    if options.rate:
        return options.rate, options.rate
    with _stage(bench, options, f"greatest{run}-") as stage:
        full = _of_full_topic(stage, options.orders)
        return _sustained(stage, full, options.seconds), full


def _stage(
    bench: harness.Bench, options: argparse.Namespace, prefix: str
) -> AbstractContextManager[staged.Stage]:
    settings = dict(setting.split("=", 1) for setting in options.settings)
    return staged.stage(bench, prefix, options.partitions, options.customers, **settings)


def _warm_broker_up(bench: harness.Bench, options: argparse.Namespace) -> None:
    with _stage(bench, options, "warm-up-") as stage:
        for number in range(1, options.warm_up + 1):
            cores = stage.load(stage.plan(*_BROKERS_WARM_UP))["cores"]["kafka"]
            harness.progress(f"the broker warms up, {number} of {options.warm_up}: {cores:.2f} of a core")


def _warm_up(stage: staged.Stage, greatest: float) -> None:
    stage.load(stage.plan(greatest * _HALF / 100, _WARM_UP_SECONDS), lookups=True)
    stage.wait_for_cache()


def _load(stage: staged.Stage, options: argparse.Namespace, greatest: float, load: float) -> dict[str, Any]:
    plan = stage.plan(greatest * load / 100, options.seconds)
    found = staged.json_of(stage.load(plan, lookups=True))
    harness.progress(f"{load:g}%, {plan.rate:,.0f} orders/s: {_said(found)}")
    return found


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    runs = results["runs"]
    figures = [
        tables.Figure("greatest load that is sustained, orders/s", [run["greatest"] for run in runs]),
        tables.Figure("of a full topic, orders/s", [run["full"] for run in runs]),
    ]
    for load, found in _by_load(runs).items():
        at_half = load == f"{_HALF}%"
        transition = {"p99": tables.Goal(150)} if at_half else {}
        lookup = {"p99": tables.Goal(250)} if at_half else {}
        name = f"at {load}: order to"
        figures += tables.percentiles(f"{name} transition", [run["transition"] for run in found], transition)
        figures += tables.percentiles(f"{name} lookup", [run["lookup"] for run in found], lookup)
    counts = [found["counts"] for run in runs for found in run["loads"].values()]
    for name, what in (
        ("Redis writes", harness.CACHE_WRITES),
        ("calls that write to Redis, by its own count", staged.REDIS_CALLS),
    ):
        shares = [count[what] / count[harness.TRANSITIONS] for count in counts]
        figures.append(tables.Figure(f"{name}, for each transition", shares, 3))
    notes = [
        f"Transitions and lookups of new customers that never came: {_missing(runs)} (must be 0).",
        "Brokers verify transactions where it says so only (docs/decisions/0018-verified-transactions.md).",
    ]
    return [
        tables.Figures(
            f"Latency of {options.customers:,} customers and new ones, each from when it was due",
            figures,
            notes,
        ),
        _table_of_loads(runs),
    ]


def _table_of_loads(runs: Sequence[dict[str, Any]]) -> tables.Plain:
    header = [
        "load",
        "orders/s",
        "worker's core",
        "worker waited for it",
        "others' core",
        "worker's CPU, µs an order",
        "transitions",
        "lookups",
    ]
    rows = []
    for load, found in _by_load(runs).items():
        others = [sum(cores for name, cores in run["cores"].items() if name != "worker") for run in found]
        rows.append(
            [
                load,
                f"{np.median([run['rate'] for run in found]):,.0f}",
                f"{np.median([run['cores']['worker'] for run in found]):.0%}",
                f"{np.median([run['worker_waited'] for run in found]):.0%}",
                f"{np.median(others):.0%}",
                f"{np.median([run['cpu_us_per_order'] for run in found]):.1f}",
                f"{sum(run['transition']['samples'] for run in found):,}",
                f"{sum(run['lookup']['samples'] for run in found):,}",
            ]
        )
    note = (
        "Kafka, Valkey, the feeder and both probes share the other core, and wait for one another. The "
        "worker has its core for itself: what it waits for it is time that other programs took."
    )
    return tables.Plain("The loads: use of cores, and samples in all runs", header, rows, [note])


def _sustained(stage: staged.Stage, full: float, seconds: float) -> float:
    """The greatest load that does not grow into a backlog, in orders a second."""
    above = full

    def is_behind(rate: float) -> bool:
        behind = stage.load(stage.plan(rate, seconds))["behind_seconds"]
        harness.progress(f"{rate:,.0f} orders/s: all counted {behind:.1f} s after the last was due")
        stage.wait_for_cache()
        return behind > _BEHIND_SECONDS

    def is_sustained(rate: float) -> bool:
        return not any(is_behind(rate) for _ in range(_TIMES))

    for part in _PARTS:
        if is_sustained(rate := part * full):
            between = (rate + above) / 2
            return between if rate < above and is_sustained(between) else rate
        above = rate
    raise SystemExit(f"not even {above:,.0f} orders/s are sustained: this machine has other work to do")


def _of_full_topic(stage: staged.Stage, orders: int) -> float:
    """Orders a second of a full topic of such orders, by a worker that has just come back."""
    stage.end()
    plan = stage.plan(orders, 1)
    random = np.random.default_rng(len(plan.run))
    whose = workloads.ranks(random, stage.customers, orders).tolist()
    names = [plan.name(number, who) for number, who in enumerate(whose)]
    amounts = random.lognormal(3, 1, orders).tolist()
    pairs = workloads.orders(plan.run.encode(), range(orders), names, amounts, time.time_ns() // 1000)
    feed.run(stage.bench.endpoints.bootstrap_servers, plan.topic, plan.partitions, pairs)
    found = throughput.measure_worker(stage.bench, stage.environment, orders)
    stage.start()
    stage.wait_for_cache()
    return found["rate"]


def _missing(runs: Sequence[dict[str, Any]]) -> int:
    every = (found for loads in _by_load(runs).values() for found in loads)
    return sum(found["missing"] + found["lookups_missing"] for found in every)


def _by_load(runs: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """What was found at each load, by its name, in all runs."""
    by_load = {f"{load}%": [run["loads"][load] for run in runs] for load in runs[0]["loads"]}
    return by_load | {f"{_HALF}%, verified": [run["verified"] for run in runs]}


def _said(found: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} p99 {found[name]['p99']:.0f} ms of {found[name]['samples']:,}"
        for name in ("transition", "lookup")
        if found[name]["samples"]
    )
