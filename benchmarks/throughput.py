"""Orders a second on one core, the whole path, beside the naive Faust agent in the same run.

The broker and Valkey run on one core, the worker on the other. The topic is filled first; then the worker
counts, scores, publishes transitions and segments, and writes the cache, until it has seen every order.

    make bench ARGS="--orders 2000000 --customers 10000"
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import feed

from stream_rfm.local.services import LocalServices

ROOT = Path(__file__).parent
POLL_SECONDS = 0.1
_METRIC = re.compile(r'^stream_rfm_order_events_total\{type="order"\} (\S+)', re.MULTILINE)


def main() -> None:
    """Measure, and print a table."""
    options = _options()
    cores = sorted(os.sched_getaffinity(0))
    ours, theirs = cores[0], cores[-1]
    ours_runs, peer_runs = [], []
    with tempfile.TemporaryDirectory() as folder, LocalServices(Path(folder)) as services:
        for service in (services.kafka, services.valkey):
            _pin(service.pid, theirs)
        for run in range(options.runs):
            environment = _environment(services.endpoints, f"bench{run}-", options.partitions, folder)
            _declare(environment)
            print(
                f"run {run + 1}: filling {options.orders:,} orders of {options.customers:,} customers",
                file=sys.stderr,
            )
            feed.run(
                services.endpoints.bootstrap_servers,
                f"bench{run}-orders",
                options.partitions,
                options.orders,
                options.customers,
                time.time_ns() // 1000,
            )
            ours_runs.append(_measure_worker(environment, ours, options.orders, Path(folder)))
            peer_runs.append(_measure_peer(environment, ours, options.peer_orders, run, options.partitions))
            print(
                f"run {run + 1}: {ours_runs[-1]:,.0f} beside {peer_runs[-1]:,.0f} orders/s", file=sys.stderr
            )
    _print(ours_runs, peer_runs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=2_000_000)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer-orders", type=int, default=40_000)
    return parser.parse_args()


def _environment(endpoints: object, prefix: str, partitions: int, folder: str) -> dict[str, str]:
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("STREAM_RFM_")},
        **endpoints.environment(),
        "STREAM_RFM_TOPICS__PREFIX": prefix,
        "STREAM_RFM_TOPICS__PARTITIONS": str(partitions),
        "STREAM_RFM_APP_ID": f"{prefix}app",
        "STREAM_RFM_METRICS_PORT": "0",
        # Snapshots are written as in production, but where they are thrown away.
        "STREAM_RFM_DATA_DIR": folder,
    }


def _command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).parent / "stream-rfm"), *arguments]


def _declare(environment: dict[str, str]) -> None:
    subprocess.run(_command("topics", "create"), env=environment, check=True, capture_output=True)


def _measure_worker(environment: dict[str, str], core: int, orders: int, folder: Path) -> float:
    """Orders a second between the first and the last transaction seen."""
    log = folder / "worker.log"
    with log.open("w") as out:
        worker = subprocess.Popen(_command("worker"), env=environment, stderr=out, stdout=out)
    _pin(worker.pid, core)
    try:
        url = _wait_for(lambda: _metrics_url(log), worker, 60)
        samples: list[tuple[float, float]] = []
        while not samples or samples[-1][1] < orders:
            if worker.poll() is not None:
                raise SystemExit(f"the worker ended:\n{log.read_text()[-2000:]}")
            seen = _seen(url)
            if seen and (not samples or seen > samples[-1][1]):
                samples.append((time.monotonic(), seen))
            time.sleep(POLL_SECONDS)
        (start, first), (end, last) = samples[0], samples[-1]
        return (last - first) / (end - start)
    finally:
        worker.terminate()
        worker.wait(30)


def _metrics_url(log: Path) -> str | None:
    for line in log.read_text().splitlines():
        if '"url"' in line:
            return str(json.loads(line)["url"])
    return None


def _seen(url: str) -> float:
    with urllib.request.urlopen(url, timeout=10) as answer:
        found = _METRIC.search(answer.read().decode())
    return float(found[1]) if found else 0.0


def _measure_peer(environment: dict[str, str], core: int, orders: int, run: int, partitions: int) -> float:
    """Orders a second of the naive agent, over so many of the same orders."""
    peer_environment = {
        **environment,
        "PEER_ID": f"peer{run}",
        "PEER_BROKER": environment["STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS"],
        "PEER_ORDERS": f"{environment['STREAM_RFM_TOPICS__PREFIX']}orders",
        "PEER_TOLD": f"{environment['STREAM_RFM_TOPICS__PREFIX']}segment-transitions",
        "PEER_PARTITIONS": str(partitions),
    }
    peer = subprocess.Popen(
        [sys.executable, str(ROOT / "peers/naive_faust.py"), "worker", "-l", "error", "--without-web"],
        env=peer_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    _pin(peer.pid, core)
    try:
        samples = []
        for line in peer.stdout:
            parts = line.split()
            if len(parts) == 2 and parts[0].isdigit():
                samples.append((int(parts[0]), float(parts[1])))
                if samples[-1][0] >= orders:
                    break
        (first, start), (last, end) = samples[0], samples[-1]
        return (last - first) / (end - start)
    finally:
        peer.kill()
        peer.wait(30)


def _wait_for(found: object, process: subprocess.Popen[bytes], seconds: float) -> str:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up and process.poll() is None:
        if (value := found()) is not None:
            return value
        time.sleep(POLL_SECONDS)
    raise SystemExit("the worker did not start")


def _pin(pid: int, core: int) -> None:
    """Keep a process and all its threads on one core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def _print(ours: list[float], peers: list[float]) -> None:
    ratios = [mine / other for mine, other in zip(ours, peers, strict=True)]
    print("| | minimum | median | maximum |")
    print("|---|---|---|---|")
    for name, values in (("stream-rfm, orders/s", ours), ("naive Faust agent, orders/s", peers)):
        print(f"| {name} | {min(values):,.0f} | {statistics.median(values):,.0f} | {max(values):,.0f} |")
    print(f"| ratio | {min(ratios):.1f} | {statistics.median(ratios):.1f} | {max(ratios):.1f} |")


if __name__ == "__main__":
    main()
