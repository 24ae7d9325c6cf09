"""A version that moves hundreds of thousands of customers at once, and how long orders wait meanwhile.

Cut points are fixed, every score is a segment of its own, and all customers but a few bought at the same
instant: whenever that comes to lie behind one of the cut points of recency, the next version moves all of
them at once. Orders of the others come at a steady rate; what is read of them, what is looked up, and whether
the worker's event loop turns is measured from shortly before to shortly after the moves.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import harness
import numpy as np
import staged
import tables
import workloads

from stream_rfm.model import instant

_CUTS = 4
_RESCORE_SECONDS = 5
# Moves that far apart, in seconds, are of different versions.
_APART = 8.0
# So much before the first move that was read, and after the last one, counts as meanwhile, in seconds.
_MARGIN = 2.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--movers", type=int, default=300_000)
    parser.add_argument("--customers", type=int, default=20_000, help="the others, who order meanwhile")
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--rate", type=int, default=5_000, help="orders/s")
    parser.add_argument(
        "--after", type=float, default=60.0, help="seconds from the start to the first version"
    )
    parser.add_argument("--every", type=float, default=45.0, help="seconds between versions that move them")
    parser.add_argument("--runs", type=int, default=3, choices=range(1, _CUTS + 1))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    first = time.time() + options.after
    settings = {
        "quantiles": "fixed",
        "grid": "codes",
        "rescore_seconds": _RESCORE_SECONDS,
        "thresholds__recency_days": json.dumps(_cuts(options.every)),
        "thresholds__frequency": "[1, 2, 3, 4]",
        "thresholds__monetary": '["10", "20", "50", "100"]',
    }
    pairs = _known(options, first)
    with (
        harness.bench() as bench,
        staged.stage_of(bench, "moves-", options.partitions, options.customers, pairs, **settings) as stage,
    ):
        plan = stage.plan(options.rate, options.every * options.runs)
        if time.time() > first - _MARGIN:
            raise SystemExit(f"it took longer than {options.after:.0f} s until all were known: more --after")
        time.sleep(max(0.0, first - options.every / 2 - time.time()))
        found = stage.load(plan, lookups=True, holds=True)
    versions = list(_versions(found["columns"], options.movers / 2))
    harness.progress(f"moved by each version: {[version['moved'] for version in versions]}")
    if not versions:
        raise SystemExit("no version has moved them: more --every")
    return {"versions": versions, "all": staged.json_of(found)}


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    versions = results["versions"]
    figures = [
        tables.Figure("customers moved by a version", [version["moved"] for version in versions]),
        tables.Figure(
            "from the first to the last of them read, s", [version["seconds"] for version in versions], 2
        ),
        *tables.percentiles(
            "meanwhile: order to transition",
            [version["transition"] for version in versions],
            {"p99": tables.Goal(500)},
        ),
        *tables.percentiles("meanwhile: order to lookup", [version["lookup"] for version in versions]),
        tables.Figure("longest hold of the event loop, ms", [one["hold"] for one in versions], 1),
        *tables.percentiles("the whole time: order to transition", [results["all"]["transition"]]),
    ]
    title = f"A version that moves {options.movers:,} customers at once, beside {options.rate:,} orders/s"
    note = (
        "Meanwhile is from 2 s before the first move is read to 2 s after the last. The hold is the longest "
        "time in which /live was not answered."
    )
    return [tables.Figures(title, figures, [note])]


def _cuts(every: float) -> list[float]:
    """Cut points of recency, in days, a few seconds apart."""
    return [1 + number * every / 86_400 for number in range(_CUTS)]


def _known(options: argparse.Namespace, first: float) -> Iterator[workloads.Pair]:
    """One order each: of the others now, of those who are to move a day before the first version."""
    now, count = time.time_ns() // 1000, options.customers + options.movers
    amounts = np.random.default_rng(13).lognormal(3, 1, count).tolist()
    for low, high, at in (
        (0, options.customers, now),
        (options.customers, count, round(first * instant.SECOND) - instant.DAY),
    ):
        names = [(b"c", who) for who in range(low, high)]
        yield from workloads.orders(b"o", range(low, high), names, amounts[low:high], at)


def _versions(columns: dict[str, Any], least: float) -> Iterator[dict[str, Any]]:
    """What was seen of each version that has moved at least so many."""
    read = columns["transition_probe"]
    others = read["others"]
    gaps = np.flatnonzero(np.diff(others[:, 0]) > _APART) + 1
    for low, high in itertools.pairwise([0, *gaps.tolist(), len(others)]):
        moved = others[low:high]
        if not len(moved) or moved[:, 1].sum() < least:
            continue
        start, end = float(moved[0, 0]), float(moved[-1, 0])
        looked = columns["lookup_probe"]
        asked = columns["hold_probe"]
        yield {
            "moved": int(moved[:, 1].sum()),
            "seconds": end - start,
            "transition": _meanwhile(read["intended"], read["read_at"], start, end),
            "lookup": _meanwhile(looked["intended"], looked["seen_at"], start, end),
            "hold": _meanwhile(asked["asked_at"], asked["answered_at"], start, end).get("max", 0.0),
        }


def _meanwhile(since: np.ndarray, until: np.ndarray, start: float, end: float) -> dict[str, float]:
    inside = (since >= start - _MARGIN) & (since <= end + _MARGIN)
    return staged.latency((until - since)[inside] * 1000)
