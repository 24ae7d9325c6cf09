"""All benchmarks, one after the other; one that fails does not keep the others from being made."""

from __future__ import annotations

import argparse
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import beside
import commit_curve
import customers
import harness
import latency
import lookups
import moves
import partitions
import profiling
import recovery
import redis_away
import report
import rescoring
import rolling
import state
import tables
import throughput
import transactions
import workers

#: Each has add_options(), measure() and show(); those of the summary first, in its order.
BENCHMARKS: dict[str, ModuleType] = {
    "peers": beside,
    "throughput": throughput,
    "latency": latency,
    "lookups": lookups,
    "commit": commit_curve,
    "partitions": partitions,
    "workers": workers,
    "customers": customers,
    "state": state,
    "rescoring": rescoring,
    "moves": moves,
    "transactions": transactions,
    "recovery": recovery,
    "rolling": rolling,
    "away": redis_away,
    "profile": profiling,
}
#: What is made by name only: long, or no figure.
BY_NAME_ONLY = {"rolling", "away", "profile"}


def one(name: str, options: argparse.Namespace, folder: Path) -> Sequence[tables.Table]:
    """Make one benchmark: print its tables, and keep what was measured."""
    results = BENCHMARKS[name].measure(options)
    harness.save(folder, name, vars(options), results)
    shown: Sequence[tables.Table] = BENCHMARKS[name].show(options, results)
    for table in shown:
        print(f"\n{table.markdown()}", flush=True)
    return shown


def run(parser: argparse.ArgumentParser, folder: Path) -> int:
    """Make all of them that belong to the summary, and write it; the exit status."""
    names = [name for name in BENCHMARKS if name not in BY_NAME_ONLY]
    failed, begun = [], time.monotonic()
    for number, name in enumerate(names, 1):
        minutes = (time.monotonic() - begun) / 60
        harness.progress(f"\n[{number} of {len(names)}, after {minutes:.0f} min] {name}")
        try:
            one(name, parser.parse_args([name]), folder)
        except (Exception, SystemExit):  # noqa: BLE001 - whatever it was, the others are wanted all the same
            harness.progress(traceback.format_exc())
            failed.append(name)
    if len(failed) < len(names):
        report.write(parser.parse_args(["report", str(folder)]))
    harness.progress(f"\n{(time.monotonic() - begun) / 60:.0f} min in all.")
    if failed:
        harness.progress(f"Failed: {', '.join(failed)}.")
    return 1 if failed else 0
