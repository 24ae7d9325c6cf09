"""The plot: orders a second beside others, latency by load and by commit_ms, as far as they were measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import beside
import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

_OURS, _THEIRS, _SECOND = "#0b6e4f", "#9aa5b1", "#d97706"
_STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    # The same results make the same file.
    "svg.hashsalt": "stream-rfm",
}


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw what there is of them into a file."""
    wanted = {"peers": _peers, "latency": _latency, "commit": _commit}
    drawn: list[tuple[Callable[[Axes, Any], None], Any]] = [
        (draw_one, results[name]) for name, draw_one in wanted.items() if name in results
    ]
    if not drawn:
        return
    with mpl.rc_context(_STYLE):
        figure, places = plt.subplots(1, len(drawn), figsize=(5 * len(drawn), 3.4), squeeze=False)
        for place, (draw_one, found) in zip(places[0], drawn, strict=True):
            draw_one(place, found)
        figure.tight_layout()
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def _peers(axes: Axes, found: dict[str, Any]) -> None:
    rates = {"stream-rfm, whole path": found["stream_rfm"], **beside.rows(found["peers"])}
    medians = {name: statistics.median(values) for name, values in rates.items()}
    names = sorted(medians, key=medians.__getitem__)
    lengths = [medians[name] / 1000 for name in names]
    bars = axes.barh(
        names, lengths, color=[_OURS if name in set(list(rates)[:1]) else _THEIRS for name in names]
    )
    axes.bar_label(bars, [f"{length:,.0f}" for length in lengths], padding=3)
    axes.set_xlabel("thousand orders a second on one core")


def _latency(axes: Axes, found: dict[str, Any]) -> None:
    loads = list(found["runs"][0]["loads"])
    for what, colour in (("transition", _OURS), ("lookup", _SECOND)):
        for percentile, style in (("p50", ":"), ("p99", "-"), ("p999", "--")):
            heights = [_median(found["runs"], load, what, percentile) for load in loads]
            label = f"order to {what}, {percentile.replace('999', '99.9')}"
            axes.plot(
                [float(load) for load in loads],
                heights,
                style,
                marker="o",
                markersize=3,
                color=colour,
                label=label,
            )
    axes.set_xlabel("% of the greatest load")
    axes.set_ylabel("ms")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8, handlelength=3.5)


def _commit(axes: Axes, found: dict[str, Any]) -> None:
    """What a shorter latency costs: each setting is a point."""
    cpu = [statistics.median(run["cpu_us_per_order"] for run in runs) for runs in found.values()]
    for percentile, style in (("p50", ":"), ("p99", "-")):
        heights = [
            statistics.median(run["transition"][percentile] for run in runs) for runs in found.values()
        ]
        axes.plot(
            cpu,
            heights,
            style,
            marker="o",
            markersize=3,
            color=_OURS,
            label=f"order to transition, {percentile}",
        )
    for setting, at, height in zip(found, cpu, heights, strict=True):
        axes.annotate(f"{setting} ms", (at, height), textcoords="offset points", xytext=(4, 4), fontsize=8)
    axes.set_xlabel("CPU, µs an order, by commit_ms")
    axes.set_ylabel("ms")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8, handlelength=3.5)


def _median(runs: Sequence[dict[str, Any]], load: str, what: str, percentile: str) -> float:
    return statistics.median(run["loads"][load][what].get(percentile, float("nan")) for run in runs)
