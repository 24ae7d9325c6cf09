"""Few partitions and many on one worker at the same load: CPU for each order, and latency."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import harness
import staged
import tables


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--few", type=int, default=8)
    parser.add_argument("--many", type=int, default=64)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--runs", type=int, default=3)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {"few": [], "many": []}
    sizes = {"few": options.few, "many": options.many}
    with harness.bench() as bench:
        for run in range(1, options.runs + 1):
            for name, partitions in sizes.items():
                with staged.stage(bench, f"{name}{run}-", partitions, options.customers) as stage:
                    # The broker compiles its way of many small batches first, on a core that it shares.
                    stage.load(stage.plan(options.rate, options.seconds))
                    found[name].append(staged.json_of(stage.load(stage.plan(options.rate, options.seconds))))
                p99, cpu = found[name][-1]["transition"]["p99"], found[name][-1]["cpu_us_per_order"]
                harness.progress(f"run {run}: {partitions}: p99 {p99:.0f} ms, {cpu:.1f} µs an order")
    return found


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    few, many = results["few"], results["many"]
    cpu = {name: [run["cpu_us_per_order"] for run in runs] for name, runs in results.items()}
    more = [a / b for a, b in zip(cpu["many"], cpu["few"], strict=True)]
    names = {"few": f"{options.few} partitions", "many": f"{options.many} partitions"}
    figures = [
        *(tables.Figure(f"{names[name]}: CPU, µs an order", values, 1) for name, values in cpu.items()),
        tables.Figure(f"{names['many']}: times the CPU of {options.few}", more, 2, tables.Goal(1.2)),
        *tables.percentiles(f"{names['few']}: order to transition", [run["transition"] for run in few]),
        *tables.percentiles(
            f"{names['many']}: order to transition",
            [run["transition"] for run in many],
            {"p99": tables.Goal(500)},
        ),
    ]
    return [tables.Figures(f"Partitions of one worker, at {options.rate:,} orders/s", figures)]
