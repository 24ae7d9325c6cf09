"""What ``commit_ms`` trades: latency from order to transition against the worker's CPU, at one rate.

Each setting is a worker of its own over the same topics, one after the other, again and again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import harness
import staged
import tables

_DEFAULT = 30


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--commit-ms", nargs="+", type=int, default=[10, 20, 30, 50, 100, 200, 400])
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--runs", type=int, default=3)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {str(setting): [] for setting in options.commit_ms}
    with (
        harness.bench() as bench,
        staged.stage(bench, "curve-", options.partitions, options.customers) as stage,
    ):
        for run in range(1, options.runs + 1):
            for setting, runs in found.items():
                stage.end()
                stage.environment["STREAM_RFM_COMMIT_MS"] = setting
                stage.start()
                plan = stage.plan(options.rate, options.seconds)
                runs.append(staged.json_of(stage.load(plan)))
                p99, cpu = runs[-1]["transition"]["p99"], runs[-1]["cpu_us_per_order"]
                harness.progress(f"run {run}: {setting} ms: p99 {p99:.0f} ms, {cpu:.1f} µs an order")
    return found


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    base = results.get(str(_DEFAULT)) or next(iter(results.values()))
    header = [
        "commit_ms",
        "p50, ms",
        "p99, ms",
        "p99.9, ms",
        "CPU, µs an order",
        "of the default's",
        "commits/s",
    ]
    rows = []
    for setting, runs in results.items():
        latency = [_median([run["transition"][key] for run in runs], 0) for key in ("p50", "p99", "p999")]
        cpu = [run["cpu_us_per_order"] for run in runs]
        shares = [mine / other["cpu_us_per_order"] for mine, other in zip(cpu, base, strict=True)]
        commits = [run["counts"][staged.COMMITS] / options.seconds for run in runs]
        rows.append([setting, *latency, _median(cpu, 1), _median(shares, 2), _median(commits, 1)])
    title = f"commit_ms at {options.rate:,} orders/s, medians of {options.runs} runs: latency against CPU"
    return [tables.Plain(title, header, rows, [f"The default is {_DEFAULT}."])]


def _median(values: Sequence[float], digits: int) -> str:
    return tables.Figure("", values, digits).cells()[1]
