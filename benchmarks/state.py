"""What the millionth order of one account costs, beside the first: changelog bytes and CPU, in process.

One partition, half of whose orders are a guest account's, counts them and tells its changelog, transaction by
transaction. A worker takes the same way with the same batches, and as much again for reading and writing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import tables
import workloads
from core import Core, Timer


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--guest-orders", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--transaction", type=int, default=4_000, help="orders in each")
    parser.add_argument("--runs", type=int, default=3)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    return {"runs": [_measure(options) for _ in range(options.runs)]}


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    runs = results["runs"]
    figures = []
    for key, name, digits in (
        ("bytes", "changelog bytes an order of a guest account", 1),
        ("cpu_us", "CPU of it, µs an order", 2),
    ):
        first, last = [run[f"first_{key}"] for run in runs], [run[f"last_{key}"] for run in runs]
        figures += [
            tables.Figure(f"{name}: first tenth", first, digits),
            tables.Figure(f"{name}: last tenth", last, digits),
            tables.Figure(
                f"{name}: last, times the first",
                [b / a for a, b in zip(first, last, strict=True)],
                2,
                tables.Goal(1.2),
            ),
        ]
    orders = runs[0]["guest_orders"]
    title = f"A guest account with {orders:,.0f} orders in the window, {options.transaction:,} a transaction"
    return [
        tables.Figures(title, figures, ["In process: counting and what the changelog is told, no Kafka."])
    ]


def _measure(options: argparse.Namespace) -> dict[str, float]:
    now, count = time.time_ns() // 1000, options.guest_orders * 2
    core, timer = Core(1), Timer()
    told: list[int] = []
    pairs = workloads.guest(count, options.customers, now)
    sizes: list[int] = []
    for number, (partition, batch) in enumerate(core.batches(pairs, now, options.transaction)):
        timer.time("count", lambda part=batch, one=partition: one.advance(part, now))
        written = timer.time("tell", lambda one=partition: one.records([]))
        told.append(sum(len(key) + len(value or b"") for key, value in written))
        sizes.append(len(batch))
        if number == 0:
            core.rescore(now, len(batch), Timer())
    cpu = np.array(timer.pieces["count"]) + np.array(timer.pieces["tell"])
    tenth = max(1, len(sizes) // 10)
    # What the very first one takes is the program's own start.
    parts = {"first": slice(1, tenth + 1), "last": slice(-tenth, None)}
    found: dict[str, float] = {"guest_orders": count / 2}
    for name, part in parts.items():
        orders = sum(sizes[part])
        found[f"{name}_bytes"] = sum(told[part]) / orders
        found[f"{name}_cpu_us"] = float(cpu[part].sum()) / orders * 1e6
    return found
