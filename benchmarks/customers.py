"""Orders a second and memory, from ten thousand customers to five million who all are known.

Everybody orders once. Then more orders of them are put into the topic while no worker runs, one is started,
and how quick it is is measured from its first of them to its last, again and again. A round before that
counts for nothing: the first version comes in it, and what Redis does not have yet. Nobody is scored anew
later: that has figures of its own. The more customers there are, the more seldom each of them orders, and the
more orders make a transition, which costs more than their number does. So that it is their number that is
measured, cut points are fixed where nobody passes one; with --cuts quantiles they are the usual ones.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import feed
import harness
import numpy as np
import tables
import throughput
import workloads

_A_CUSTOMER, _AN_ORDER = 200, 24
_NO_RESCORING: dict[str, object] = {"rescore_seconds": 86_400}
_SETTINGS = {
    "quantiles": _NO_RESCORING,
    "fixed": {
        **_NO_RESCORING,
        "quantiles": "fixed",
        "thresholds__recency_days": "[400, 401, 402, 403]",
        "thresholds__frequency": "[1000000, 1000001, 1000002, 1000003]",
        "thresholds__monetary": '["1e9", "2e9", "3e9", "4e9"]',
    },
}


def add_options(parser: argparse.ArgumentParser) -> None:
    sizes = [10_000, 100_000, 1_000_000, 5_000_000]
    parser.add_argument("--customers", nargs="+", type=int, default=sizes)
    parser.add_argument("--orders", type=int, default=800_000, help="of each run, beside the first ones")
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--cuts", choices=("fixed", "quantiles"), default="fixed")
    parser.add_argument("--runs", type=int, default=5)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, list[dict[str, float]]] = {str(size): [] for size in options.customers}
    with harness.bench() as bench:
        environments = {}
        for database, size in enumerate(options.customers):
            prefix = f"of{size}-"
            environments[size] = environment = bench.environment(
                prefix, options.partitions, database, **_SETTINGS[options.cuts]
            )
            harness.declare(environment)
            _fill(bench, prefix, options.partitions, workloads.once(size, time.time_ns() // 1000))
            known = throughput.measure_worker(bench, environment, size)
            harness.progress(f"{size:,} customers became known, {known['rate']:,.0f} orders/s")
        for run in range(options.runs + 1):
            for size, environment in environments.items():
                pairs = _more(options.orders, size, run)
                _fill(bench, f"of{size}-", options.partitions, pairs)
                facts = throughput.measure_worker(bench, environment, options.orders)
                facts["orders"] = size + (run + 1) * options.orders
                if run:
                    found[str(size)].append(facts)
                rate, rss = facts["rate"], facts["rss"] / 1e6
                harness.progress(f"run {run}: of {size:,}: {rate:,.0f} orders/s, {rss:,.0f} MB")
    return found


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    smallest, *_, largest = results
    figures, memory = [], []
    for size, runs in results.items():
        name = f"{int(size):,} customers"
        rates = [run["rate"] for run in runs]
        figures.append(tables.Figure(f"{name}, orders/s", rates))
        moved = [run["transitions"] / options.orders for run in runs]
        figures.append(tables.Figure(f"{name}, transitions an order", moved, 2))
        memory.append(tables.Figure(f"{name}: RSS, MB", [run["rss"] / 1e6 for run in runs]))
        memory.append(tables.Figure(f"{name}: of it state, MB", [run["state"] / 1e6 for run in runs]))
        if size != smallest:
            base = results[smallest]
            shares = [rate / other["rate"] for rate, other in zip(rates, base, strict=True)]
            goal = tables.Goal(0.8, at_least=True) if size == largest else None
            figures.append(tables.Figure(f"{name}: share of {int(smallest):,}'s orders/s", shares, 2, goal))
            used = [
                (run["rss"] - other["rss"])
                / (_A_CUSTOMER * (int(size) - int(smallest)) + _AN_ORDER * (run["orders"] - other["orders"]))
                for run, other in zip(runs, base, strict=True)
            ]
            memory.append(
                tables.Figure(
                    f"{name}: RSS beyond {int(smallest):,}'s, share of 200 B a customer, 24 B an order",
                    used,
                    2,
                    tables.Goal(1) if size == largest else None,
                )
            )
    a_customer, an_order = _fitted(results)
    memory += [
        tables.Figure("state, by least squares: bytes a customer", [a_customer], 0, tables.Goal(_A_CUSTOMER)),
        tables.Figure("state, by least squares: bytes an order", [an_order], 0, tables.Goal(_AN_ORDER)),
    ]
    return [
        tables.Figures("Orders a second on one core, of customers who are known", figures),
        tables.Figures("Memory of a worker that has come back from snapshots", memory),
    ]


def _fill(bench: harness.Bench, prefix: str, partitions: int, pairs: Any) -> None:
    feed.run(bench.endpoints.bootstrap_servers, f"{prefix}orders", partitions, pairs)


def _more(orders: int, size: int, run: int) -> Any:
    """Orders of now, of customers alike; of each run others."""
    random = np.random.default_rng(run)
    names = [(b"c", who) for who in random.integers(0, size, orders).tolist()]
    amounts = random.lognormal(3, 1, orders).tolist()
    return workloads.orders(b"more%d" % run, range(orders), names, amounts, time.time_ns() // 1000)


def _fitted(results: dict[str, Any]) -> tuple[float, float]:
    """Bytes of state for each customer and each order."""
    facts = [(int(size), run["orders"], 1, run["state"]) for size, runs in results.items() for run in runs]
    *causes, state = np.array(facts, float).T
    coefficients = np.linalg.lstsq(np.array(causes).T, state, rcond=None)[0]
    return float(coefficients[0]), float(coefficients[1])
