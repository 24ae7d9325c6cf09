"""How long a worker takes to have its state back, on one core: from the changelog, and from snapshots.

A million customers with one or two orders each are counted first. The broker and Valkey run on one core,
the worker on the other. Beside it, in the same run, a plain Faust table comes back from fewer keys.

    .venv/bin/python benchmarks/recovery.py --customers 1000000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import feed
from aiokafka import AIOKafkaProducer
from throughput import ROOT, _command, _declare, _environment, _metrics_url, _pin, _seen, _wait_for

from stream_rfm.kafka.admin import admin_client
from stream_rfm.local.services import LocalServices
from stream_rfm.settings import KafkaSettings

_PREFIX = "recovery-"


def main() -> None:
    """Measure, and print a table."""
    options = _options()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name, LocalServices(Path(name) / "services") as services:
        folder = Path(name)
        for service in (services.kafka, services.valkey):
            _pin(service.pid, cores[-1])
        servers = services.endpoints.bootstrap_servers
        environment = _environment(services.endpoints, _PREFIX, options.partitions, str(folder / "data"))
        _count(environment, options, folder, servers)
        cold, warm = [], []
        for _ in range(options.runs):
            warm.append(_recover(environment, folder, cores[0]))
            shutil.move(folder / "data", folder / "aside")
            cold.append(_recover(environment, folder, cores[0]))
            shutil.rmtree(folder / "data", ignore_errors=True)
            shutil.move(folder / "aside", folder / "data")
            print(f"warm {warm[-1]:.2f} s, cold {cold[-1]:.2f} s", file=sys.stderr)
        peer = _recover_peer(environment, folder, cores[0], options, servers)
    _print(options, cold, warm, peer)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer-keys", type=int, default=200_000)
    return parser.parse_args()


def _count(environment: dict[str, str], options: argparse.Namespace, folder: Path, servers: str) -> None:
    """Have a worker count all orders; at its end it leaves snapshots."""
    orders = options.customers * 3 // 2
    print(f"filling {orders:,} orders of {options.customers:,} customers", file=sys.stderr)
    _declare(environment)
    feed.run(
        servers,
        f"{_PREFIX}orders",
        options.partitions,
        orders,
        options.customers,
        time.time_ns() // 1000,
        each=True,
    )
    log = folder / "counting.log"
    with _worker(environment, log) as worker:
        url = _wait_for(lambda: _metrics_url(log), worker, 60)
        # What Redis does not know yet is read again, too.
        while _seen(url) < orders or _pending(url):
            time.sleep(0.5)
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)


def _recover(environment: dict[str, str], folder: Path, core: int) -> float:
    """Seconds that a worker takes to have everything back."""
    log = folder / "recovering.log"
    with _worker(environment, log) as worker:
        _pin(worker.pid, core)
        seconds = _wait_for(lambda: _said(log, "took partitions over", "seconds"), worker, 300)
        # A transaction that a killed one left open would be waited for.
        worker.terminate()
        worker.wait(60)
    refused = _said(log, "a snapshot is not used; the changelog is read from its beginning", "reason")
    if refused:
        raise SystemExit(f"a snapshot was refused: {refused}")
    return float(seconds)


def _worker(environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("w") as out:
        return subprocess.Popen(_command("worker"), env=environment, stderr=out, stdout=out)


def _pending(url: str) -> float:
    with urllib.request.urlopen(url, timeout=10) as answer:
        found = re.search(r"^stream_rfm_cache_pending (\S+)", answer.read().decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def _said(log: Path, message: str, field: str) -> str | None:
    for line in log.read_text().splitlines():
        if line.startswith("{") and (entry := json.loads(line))["message"] == message:
            return str(entry[field])
    return None


def _recover_peer(
    environment: dict[str, str], folder: Path, core: int, options: argparse.Namespace, servers: str
) -> float:
    """Keys a second that a Faust table comes back with."""
    print(f"peer: a changelog of {options.peer_keys:,} keys", file=sys.stderr)
    topics = {"peer-customers-changelog": {"cleanup.policy": "compact"}, "peer-events": {}}
    with admin_client(KafkaSettings(bootstrap_servers=servers)) as admin:
        admin.create_topics(
            {
                topic: {"num_partitions": options.partitions, "replication_factor": 1, "configs": configs}
                for topic, configs in topics.items()
            }
        )
        admin.wait_for_topics(list(topics))
    asyncio.run(_fill_peer(servers, options.peer_keys, options.partitions))
    peer = subprocess.Popen(
        [sys.executable, str(ROOT / "peers/recovering_faust.py"), "worker", "-l", "error", "--without-web"],
        env={
            **environment,
            "PEER_ID": "peer",
            "PEER_BROKER": servers,
            "PEER_EVENTS": "peer-events",
            "PEER_PARTITIONS": str(options.partitions),
            "PEER_KEYS": str(options.peer_keys),
            "PEER_FOLDER": str(folder / "peer"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    _pin(peer.pid, core)
    samples: list[tuple[int, float]] = []
    try:
        for line in peer.stdout:
            parts = line.split()
            if len(parts) == 2 and parts[0].isdigit():
                samples.append((int(parts[0]), float(parts[1])))
                if samples[-1][0] >= options.peer_keys:
                    break
        (first, start), (last, end) = samples[0], samples[-1]
        return (last - first) / (end - start)
    finally:
        peer.kill()
        peer.wait(30)


async def _fill_peer(servers: str, keys: int, partitions: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=servers, max_batch_size=feed.BATCH_BYTES) as producer:
        batches = [producer.create_batch() for _ in range(partitions)]
        for number in range(keys):
            place = number % partitions
            key, value = b'"c-%d"' % number, b'["2026-01-01T00:00:00Z", 2, 34.56]'
            if batches[place].append(timestamp=None, key=key, value=value) is None:
                await producer.send_batch(batches[place], "peer-customers-changelog", partition=place)
                batches[place] = producer.create_batch()
                batches[place].append(timestamp=None, key=key, value=value)
        for place, batch in enumerate(batches):
            await producer.send_batch(batch, "peer-customers-changelog", partition=place)
        await producer.flush()


def _print(options: argparse.Namespace, cold: list[float], warm: list[float], peer: float) -> None:
    print(f"{options.customers:,} customers in {options.partitions} partitions, one core")
    print("| | minimum | median | maximum |")
    print("|---|---|---|---|")
    for name, values in (("from the changelog, s", cold), ("from snapshots, s", warm)):
        print(f"| {name} | {min(values):.2f} | {statistics.median(values):.2f} | {max(values):.2f} |")
    expected = options.customers / peer
    ratios: list[tuple[str, Callable[[], float]]] = [
        ("from the changelog", lambda: expected / statistics.median(cold)),
        ("from snapshots", lambda: expected / statistics.median(warm)),
    ]
    print(f"\nA plain Faust table: {peer:,.0f} keys/s over {options.peer_keys:,} keys, {expected:.0f} s for")
    print("as many customers (extrapolated). Times as quick:", ", ".join(f"{n} {r():.1f}" for n, r in ratios))


if __name__ == "__main__":
    main()
