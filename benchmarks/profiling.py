"""Where the worker's time goes while it works through a full topic: shares of its samples, by py-spy.

Only what holds Python's lock is sampled, and all of that is the worker's own. A share is given twice: of
what stands in a function itself, and, by stage, of all that the stage calls.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import feed
import harness
import tables
import throughput
import workloads

_RATE = 250
_SHOWN = 25
# Functions that begin a stage, outermost first: what is below one belongs to it.
_STAGES = {
    "_load_kernels (stream_rfm/worker.py": "start: loading what is compiled",
    "run_of (stream_rfm/stream/fetched.py": "intake: records to columns",
    "take_orders (stream_rfm/stream/writer.py": "intake: records to columns",
    "work (stream_rfm/stream/turns.py": "fold, score, transitions",
    "work_of (stream_rfm/stream/gathering.py": "records of transitions, segments, changelog",
    "commit (stream_rfm/stream/transaction.py": "handing over to the producer",
    "collect (stream_rfm/serve/cache.py": "cache",
    "note (stream_rfm/serve/cache.py": "cache",
    "(aiokafka/producer/": "producer's sender",
    "(aiokafka/consumer/": "consumer's fetches",
    "(aiokafka/": "connections",
    "(stream_rfm/serve/": "cache",
    "(redis/": "cache",
    "_cycle (stream_rfm/stream/writer.py": "the writer itself",
    "(aiohttp/": "metrics page",
    "<frozen importlib": "start: imports",
    "(stream_rfm/stream/": "the rest of stream",
    "(faust/": "Faust",
    "(asyncio/": "event loop",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=int, default=2_000_000)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--partitions", type=int, default=8)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Samples by stage, and by the function that they stand in."""
    with harness.bench() as bench:
        environment = bench.environment("profile-", options.partitions)
        harness.declare(environment)
        harness.progress(f"{options.orders:,} orders of {options.customers:,} customers")
        servers, until = bench.endpoints.bootstrap_servers, time.time_ns() // 1000
        pairs = workloads.uniform(options.orders, options.customers, until)
        feed.run(servers, "profile-orders", options.partitions, pairs)
        stacks = bench.folder / "stacks"
        found = throughput.measure_worker(
            bench, environment, options.orders, lambda pid: _record(pid, stacks)
        )
        return {"orders_per_second": found["rate"], **_counted(stacks.read_text())}


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    total = results["samples"]
    what = f"{options.orders:,} orders of {options.customers:,} customers"
    note = f"{results['orders_per_second']:,.0f} orders/s while sampled, {total:,} samples."
    return [
        tables.Plain(
            f"Where the time goes, by {title}: {what}", [title, "share"], _shares(counts, total), [note]
        )
        for title, counts in (("stage", results["stages"]), ("function itself", results["functions"]))
    ]


def _shares(counts: dict[str, int], total: int) -> list[list[str]]:
    return [[name, f"{100 * count / total:.1f}%"] for name, count in list(counts.items())[:_SHOWN]]


def _record(pid: int, stacks: Path) -> None:
    """Sample a process until it ends, from the other core."""
    spy = str(Path(sys.executable).parent / "py-spy")
    if shutil.which(spy) is None:
        raise SystemExit("py-spy is not installed: make setup does that")
    arguments = ["record", "--gil", "--format", "raw", "--rate", str(_RATE), "--duration", "600"]
    command = [spy, *arguments, "--output", str(stacks), "--pid", str(pid)]
    spying = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    threading.Thread(target=spying.wait, daemon=True).start()


def _counted(stacks: str) -> dict[str, Any]:
    stages: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        stages[_stage_of(stack)] += int(count)
        functions[stack.rpartition(";")[2]] += int(count)
    return {
        "samples": stages.total(),
        "stages": dict(stages.most_common()),
        "functions": dict(functions.most_common(3 * _SHOWN)),
    }


def _stage_of(stack: str) -> str:
    return next((stage for mark, stage in _STAGES.items() if mark in stack), "everything else")
