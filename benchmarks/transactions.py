"""CPU that a transaction costs the worker, by how many of its partitions have orders in it.

A few orders a second, so that they themselves cost next to nothing: none at all, of one partition, and of
all. What the worker uses without orders is taken off.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import harness
import staged
import tables

# Orders a second of a partition that is to be in every transaction.
_A_PARTITION = 40


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--partitions", nargs="+", type=int, default=[8, 64])
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=3)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {str(number): [] for number in options.partitions}
    with harness.bench() as bench:
        for partitions in options.partitions:
            with staged.stage(bench, f"of{partitions}-", partitions, options.customers) as stage:
                for run in range(1, options.runs + 1):
                    found[str(partitions)].append(_measure(stage, options))
                    harness.progress(f"run {run}: {found[str(partitions)][-1]}")
    return found


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    figures = []
    for partitions, runs in results.items():
        name = f"{partitions} partitions"
        figures.append(
            tables.Figure(f"{name}, without orders: % of a core", [100 * run["idle"] for run in runs], 1)
        )
        for key, shown in (("one", "one of them touched"), ("all", "all of them")):
            figures += [
                tables.Figure(
                    f"{name}, {shown}: CPU, ms a transaction", [run[f"{key}_ms"] for run in runs], 2
                ),
                tables.Figure(f"{name}, {shown}: transactions/s", [run[f"{key}_rate"] for run in runs], 1),
            ]
    note = f"A touched partition gets {_A_PARTITION} orders/s; each measured for {options.seconds:.0f} s."
    return [tables.Figures("What a transaction costs the worker", figures, [note])]


def _measure(stage: staged.Stage, options: argparse.Namespace) -> dict[str, float]:
    begun, used = time.time(), harness.cpu_seconds(stage.worker.pid)
    time.sleep(options.seconds)
    idle = (harness.cpu_seconds(stage.worker.pid) - used) / (time.time() - begun)
    found = {"idle": idle}
    for key, rate, only in (("one", _A_PARTITION, 0), ("all", _A_PARTITION * stage.partitions, -1)):
        load = stage.load(stage.plan(rate, options.seconds, only=only, new_every=1_000_000))
        commits = load["counts"][staged.COMMITS]
        found[f"{key}_ms"] = (load["cpu_seconds"] - idle * load["seconds"]) / commits * 1000
        found[f"{key}_rate"] = commits / load["seconds"]
    return found
