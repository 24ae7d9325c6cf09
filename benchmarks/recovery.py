"""How long a worker takes to have its state back, on one core: from the changelog, and from snapshots.

Customers with one or two orders each are counted first, and written to the cache. Beside it, in the same run,
a plain Faust table comes back from fewer keys.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import time
from collections.abc import Sequence
from typing import Any

import feed
import harness
import peer_rounds
import tables
import workloads
from aiokafka import AIOKafkaProducer

from stream_rfm.kafka.admin import admin_client
from stream_rfm.settings import KafkaSettings

_PREFIX = "recovery-"
_SAY_SECONDS = 10.0
# A worker that counts nothing and writes nothing for so long is taken for stuck.
_STUCK_SECONDS = 120.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer-keys", type=int, default=200_000)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each run, cold and warm, and the keys a second of the peer."""
    cold: list[dict[str, float]] = []
    warm: list[dict[str, float]] = []
    with harness.bench() as bench:
        environment = bench.environment(_PREFIX, options.partitions)
        data, aside = bench.folder / f"{_PREFIX}data", bench.folder / "aside"
        _count(bench, environment, options)
        for _ in range(options.runs):
            warm.append(_recover(bench, environment))
            shutil.move(data, aside)
            cold.append(_recover(bench, environment))
            shutil.rmtree(data, ignore_errors=True)
            shutil.move(aside, data)
            harness.progress(f"warm {warm[-1]}, cold {cold[-1]}")
        peer = _recover_peer(bench, environment, options)
    return {"cold": cold, "warm": warm, "peer_keys_per_second": peer}


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    places = {"from the changelog": results["cold"], "from snapshots": results["warm"]}
    peer = results["peer_keys_per_second"]
    expected = options.customers / peer
    figures = [
        tables.Figure(f"{place}, {what}", [run[field] for run in runs], 2)
        for place, runs in places.items()
        for what, field in (("s", "seconds"), ("s of CPU with the process's start", "cpu_seconds"))
    ]
    figures += [
        tables.Figure(
            f"a plain Faust table: times as long as {place}", [expected / run["seconds"] for run in runs], 1
        )
        for place, runs in places.items()
    ]
    note = (
        f"A plain Faust table: {peer:,.0f} keys/s over {options.peer_keys:,} keys, {expected:.0f} s for as "
        "many customers (extrapolated)."
    )
    title = f"Recovery of {options.customers:,} customers in {options.partitions} partitions on one core"
    return [tables.Figures(title, figures, [note])]


def _count(bench: harness.Bench, environment: dict[str, str], options: argparse.Namespace) -> None:
    """Have a worker count all orders and fill the cache; at its end it leaves snapshots."""
    orders = options.customers * 3 // 2
    harness.progress(f"filling {orders:,} orders of {options.customers:,} customers")
    harness.declare(environment)
    pairs = workloads.uniform(orders, options.customers, time.time_ns() // 1000, each=True)
    feed.run(bench.endpoints.bootstrap_servers, f"{_PREFIX}orders", options.partitions, pairs)
    log = bench.folder / "counting.log"
    with harness.worker(environment, log) as worker:
        url = harness.wait_for(lambda: harness.metrics_url(log), worker, 60)
        before, moved_at, said_at = (-1.0, -1.0), time.monotonic(), time.monotonic()
        while before[0] < orders or before[1]:
            time.sleep(0.5)
            now = harness.metric(url, harness.ORDERS_SEEN), harness.metric(url, "stream_rfm_cache_pending")
            if now != before:
                before, moved_at = now, time.monotonic()
            elif time.monotonic() - moved_at > _STUCK_SECONDS:
                raise SystemExit(f"the worker is stuck:\n{harness.last_words(log)}")
            if time.monotonic() - said_at > _SAY_SECONDS:
                said_at = time.monotonic()
                harness.progress(
                    f"{now[0]:,.0f} orders counted, {now[1]:,.0f} customers not in the cache yet"
                )


def _recover(bench: harness.Bench, environment: dict[str, str]) -> dict[str, float]:
    """What it takes a worker to have everything back: seconds, and seconds of CPU since its process began."""
    log = bench.folder / "recovering.log"
    harness.write_back()
    # A transaction that a killed worker left open would be waited for: this one is ended by SIGTERM.
    with harness.worker(environment, log, bench.workers_core) as worker:
        entry = harness.wait_for(lambda: harness.said(log, "took partitions over"), worker, 300)
        used = harness.cpu_seconds(worker.pid)
    refused = harness.said(log, "a snapshot is not used; the changelog is read from its beginning")
    if refused:
        raise SystemExit(f"a snapshot was refused: {refused['reason']}")
    return {"seconds": float(entry["seconds"]), "cpu_seconds": used}


def _recover_peer(bench: harness.Bench, environment: dict[str, str], options: argparse.Namespace) -> float:
    """Keys a second that a Faust table comes back with."""
    harness.progress(f"peer: a changelog of {options.peer_keys:,} keys")
    servers = bench.endpoints.bootstrap_servers
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
    peer_environment = {
        **environment,
        "PEER_ID": "peer",
        "PEER_BROKER": servers,
        "PEER_EVENTS": "peer-events",
        "PEER_PARTITIONS": str(options.partitions),
        "PEER_KEYS": str(options.peer_keys),
        "PEER_FOLDER": str(bench.folder / "peer"),
    }
    command = peer_rounds.faust_peer("recovering_faust.py")
    [samples] = peer_rounds.rounds_of(command, peer_environment, bench, options.peer_keys)
    return harness.rate(samples)


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
