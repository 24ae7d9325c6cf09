"""Scoring a million customers anew: CPU in all and the longest piece of it, in process.

What a worker does for a version is done here without Kafka, in pieces as it has them between two turns of
its event loop: each partition's summary, the merging, and slices of rows. How long a worker's loop stands
still is measured by ``moves``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import harness
import tables
import workloads
from core import INTERVAL, Core, Timer


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--rows", type=int, default=1_000, help="of a slice")
    parser.add_argument("--runs", type=int, default=3, help="versions, a minute after one another")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    now, core = time.time_ns() // 1000 // INTERVAL * INTERVAL, Core(options.partitions)
    count = options.customers * 3 // 2
    harness.progress(f"counting {count:,} orders of {options.customers:,} customers")
    core.count(workloads.uniform(count, options.customers, now, each=True), now)
    core.rescore(now, options.rows, Timer())
    runs = []
    for run in range(1, options.runs + 1):
        timer = Timer()
        moved = core.rescore(now + run * INTERVAL, options.rows, timer)
        runs.append({"moved": moved, "pieces": timer.pieces})
        harness.progress(f"version {run}: {_total(runs[-1]):.2f} s of CPU, {moved:,} moved")
    return {"runs": runs}


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    runs = results["runs"]
    figures = [
        tables.Figure("CPU of a version in all, s", [_total(run) for run in runs], 3, tables.Goal(1)),
        *(
            tables.Figure(f"{name}, s", [sum(run["pieces"][name]) for run in runs], 3)
            for name in runs[0]["pieces"]
        ),
        tables.Figure(
            "longest piece without a turn of others, ms",
            [1000 * max(max(pieces) for pieces in run["pieces"].values()) for run in runs],
            1,
            tables.Goal(20),
        ),
        *(
            tables.Figure(f"longest of {name}, ms", [1000 * max(run["pieces"][name]) for run in runs], 1)
            for name in runs[0]["pieces"]
        ),
        tables.Figure("customers that moved", [run["moved"] for run in runs]),
    ]
    title = (
        f"Scoring {options.customers:,} customers in {options.partitions} partitions anew, "
        f"{options.rows:,} rows a slice"
    )
    return [tables.Figures(title, figures, ["In process, without the records that a worker writes of it."])]


def _total(run: dict[str, Any]) -> float:
    return sum(sum(pieces) for pieces in run["pieces"].values())
