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
from neighbours import CoreTime

#: Each has add_options(), measure() and show(); those of the summary first, in its order.
BENCHMARKS: dict[str, ModuleType] = {
    # What waits for the disk comes before those that leave gigabytes behind for it to write, and what is a
    # matter of milliseconds first: a host that takes cores away shows at once, and not after an hour.
    "latency": latency,
    "lookups": lookups,
    "peers": beside,
    "throughput": throughput,
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
#: Sizes that show in ten minutes that each of them works; their figures say nothing.
_QUICK = {
    "peers": "--orders 60000 --runs 1",
    "throughput": "--orders 30000 --runs 1",
    "latency": "--customers 2000 --orders 60000 --seconds 3 --runs 1 --warm-up 1",
    "lookups": "--customers 2000 --seconds 3 --runs 1",
    "commit": "--customers 2000 --rate 2000 --seconds 3 --runs 1 --commit-ms 50 200",
    "partitions": "--customers 2000 --rate 2000 --seconds 3 --runs 1",
    "workers": "--orders 50000 --runs 1",
    "customers": "--customers 10000 50000 --orders 30000 --runs 1",
    "state": "--guest-orders 50000 --runs 1",
    "rescoring": "--customers 100000 --runs 1",
    "moves": "--movers 20000 --customers 2000 --rate 1000 --after 45 --every 15 --runs 1",
    "transactions": "--customers 1000 --partitions 8 --seconds 3 --runs 1",
    "recovery": "--customers 20000 --runs 1 --peer-keys 20000",
}


def one(name: str, options: argparse.Namespace, folder: Path) -> Sequence[tables.Table]:
    """Make one benchmark: print its tables, and keep what was measured."""
    begun = CoreTime.now()
    results = BENCHMARKS[name].measure(options)
    stolen = CoreTime.now().stolen_since(begun)
    harness.save(folder, name, vars(options), results, stolen)
    shown: Sequence[tables.Table] = BENCHMARKS[name].show(options, results)
    for table in shown:
        print(f"\n{table.markdown()}", flush=True)
    harness.progress(f"{stolen:.1%} of what the cores wanted to do the host gave to others meanwhile.")
    return shown


def run(parser: argparse.ArgumentParser, folder: Path, *, quick: bool) -> int:
    """Make all of them that belong to the summary, and write it; the exit status."""
    names = [name for name in BENCHMARKS if name not in BY_NAME_ONLY]
    failed, begun = [], time.monotonic()
    for number, name in enumerate(names, 1):
        minutes = (time.monotonic() - begun) / 60
        harness.progress(f"\n[{number} of {len(names)}, after {minutes:.0f} min] {name}")
        try:
            one(name, parser.parse_args([name, *(_QUICK[name].split() if quick else [])]), folder)
        except (Exception, SystemExit):  # noqa: BLE001 - whatever it was, the others are wanted all the same
            harness.progress(traceback.format_exc())
            failed.append(name)
    if len(failed) < len(names):
        report.write(parser.parse_args(["report", str(folder)]))
    harness.progress(f"\n{(time.monotonic() - begun) / 60:.0f} min in all.")
    if failed:
        harness.progress(f"Failed: {', '.join(failed)}.")
    return 1 if failed else 0
