"""What the millionth order of one account costs, beside the first: changelog bytes and CPU, in process.

One partition, half of whose orders are a guest account's, counts them and tells its changelog, transaction by
transaction. The first ones are those of another such partition, and have their turns between the last ones. A
worker takes the same way with the same batches, and as much again for reading and writing.
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
    now, orders = time.time_ns() // 1000, options.guest_orders * 2
    transactions = max(2, orders // options.transaction)
    tenth = max(1, transactions // 10)
    old, new = _Account(options, orders, now), _Account(options, orders, now)
    for _ in range(transactions - tenth - 1):
        old.transact()
    # In turn, as this machine may be half as quick a few seconds later.
    turns = [(new.transact(), old.transact()) for _ in range(tenth)]
    found: dict[str, float] = {"guest_orders": orders / 2}
    for name, costs in zip(("first", "last"), np.sum(turns, axis=0).tolist(), strict=True):
        counted, told, cpu = costs
        found[f"{name}_bytes"] = told / counted
        found[f"{name}_cpu_us"] = cpu / counted * 1e6
    return found


class _Account:
    """A partition of which half of the orders are one account's."""

    def __init__(self, options: argparse.Namespace, orders: int, now: int) -> None:
        """Have the first transaction, which takes the program's own start too, and score everybody."""
        core, self._now = Core(1), now
        pairs = workloads.guest(orders, options.customers, now)
        self._batches = core.batches(pairs, now, options.transaction)
        self.transact()
        core.rescore(now, options.transaction, Timer())

    def transact(self) -> tuple[int, int, float]:
        """Count the next orders: how many they are, bytes that the changelog is told, and seconds of CPU."""
        (partition, batch), timer = next(self._batches), Timer()
        timer.time("count", lambda: partition.advance(batch, self._now))
        written = timer.time("tell", lambda: partition.records([]))
        told = sum(len(key) + len(value or b"") for key, value in written)
        return len(batch), told, sum(map(sum, timer.pieces.values()))
