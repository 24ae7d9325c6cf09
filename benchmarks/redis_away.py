"""Redis away, wiped or frozen under load: what scoring notices, and how soon the cache is the state again.

Orders come in at a steady pace. One fault follows the other: Redis is frozen and wakes with what it held,
it is killed and comes back empty, and it is wiped. A ``read_committed`` reader of segments knows what every
customer's key has to say; the cache is whole again when no key is behind what was committed when the
comparison began. Customers are scored anew before and after it only: what a version takes
has a figure of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import feed
import harness
import msgspec
import numpy as np
import tables
import workloads
from aiokafka import AIOKafkaConsumer, TopicPartition
from redis import Redis

from stream_rfm.local.valkey import ValkeyServer

_PREFIX = "away-"
_LAG, _PENDING = "stream_rfm_consumer_lag", "stream_rfm_cache_pending"
_STATE = "stream_rfm_state_bytes"
_FAULTS = ("freeze", "kill", "wipe")
_KEYS_AT_ONCE = 2_000
_MEGABYTE = 1 << 20
_NEVER_WHOLE_SECONDS = 120.0


class _Segment(msgspec.Struct):
    customer_id: str
    revision: int


class _Key(msgspec.Struct):
    revision: int


class _Transition(msgspec.Struct):
    cause: str
    effective_at: datetime


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--rescore-seconds", type=int, default=3600)
    parser.add_argument("--away", type=float, default=120.0, help="seconds that Redis is away")
    parser.add_argument("--steady", type=float, default=20.0, help="seconds before and between the faults")
    parser.add_argument("--faults", nargs="+", choices=_FAULTS, default=_FAULTS)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    with harness.bench() as bench, ExitStack() as stack:
        environment = bench.environment(_PREFIX, options.partitions, rescore_seconds=options.rescore_seconds)
        harness.declare(environment)
        log = bench.folder / "worker.log"
        worker = stack.enter_context(harness.worker(environment, log, bench.workers_core))
        url = harness.wait_for(lambda: harness.metrics_url(log), worker, 60)
        _fill(bench, options, url, worker)
        reader = _Reader(bench.endpoints.bootstrap_servers, options.partitions)
        stack.callback(reader.stop)
        reader.start()
        watch = _Watch(url, worker.pid)
        stack.callback(watch.stop)
        stack.callback(harness.end, _feeder(bench, options))
        time.sleep(10)
        watch.start()
        redis = stack.enter_context(Redis.from_url(bench.endpoints.redis_url, socket_timeout=5))
        steady = _steady(options, reader, watch)
        faults = []
        for name in options.faults:
            faults.append(_fault(name, bench, options, redis, reader, watch))
            harness.progress(f"{name}: whole after {faults[-1]['healed_seconds']:.1f} s")
        refused = harness.metric(url, "stream_rfm_cache_divergent_total")
    return {"steady": steady, "faults": faults, "divergent": refused}


def show(options: argparse.Namespace, results: dict[str, Any]) -> Sequence[tables.Table]:
    title = (
        f"Redis away for {options.away:.0f} s at {options.rate:,} orders/s of {options.customers:,} customers"
    )
    parts: list[tuple[str, dict[str, Any], str]] = [("before", results["steady"], "")]
    for fault in results["faults"]:
        name = fault["name"]
        if fault["away"] is not None:
            parts.append((f"{name}: away", fault["away"], ""))
        parts.append((f"{name}: until it is whole", fault["healing"], f"{fault['healed_seconds']:.1f} s"))
        parts.append((f"{name}: afterwards", fault["after"], ""))
    rows = []
    for name, facts, healed in parts:
        latency = " and ".join(f"{ms:.0f}" for ms in facts["latency"]) + " ms" if facts["latency"] else ""
        memory = f"{facts['rss']:.0f} MB", f"{facts['beside']:.0f} MB"
        rows.append([name, f"{facts['lag']:,.0f} orders", latency, *memory, healed])
    latency = "order to transition, p50 and p99"
    header = ["", "greatest lag", latency, "RSS", "of it beside the state", "whole after"]
    return [tables.Plain(title, header, rows)]


class _Reader:
    """Reads what is committed, in a thread of its own: everybody's revision, and how late transitions are."""

    def __init__(self, servers: str, partitions: int) -> None:
        self._servers = servers
        self._partitions = partitions
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.revisions: dict[str, int] = {}
        #: When it was read, and how old the order then was.
        self.latencies: list[tuple[float, float]] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(10)

    async def _run(self) -> None:
        segments, transitions = f"{_PREFIX}customer-segments", f"{_PREFIX}segment-transitions"
        numbers = range(self._partitions)
        async with AIOKafkaConsumer(
            bootstrap_servers=self._servers, isolation_level="read_committed", fetch_max_wait_ms=50
        ) as consumer:
            consumer.assign([TopicPartition(topic, n) for topic in (segments, transitions) for n in numbers])
            await consumer.seek_to_beginning(*(TopicPartition(segments, n) for n in numbers))
            await consumer.seek_to_end(*(TopicPartition(transitions, n) for n in numbers))
            while not self._ended.is_set():
                for place, records in (await consumer.getmany(timeout_ms=100)).items():
                    values = [record.value for record in records]
                    self._note(values) if place.topic == transitions else self._learn(values)

    def _learn(self, values: list[bytes]) -> None:
        for value in values:
            segment = msgspec.json.decode(value, type=_Segment)
            self.revisions[segment.customer_id] = segment.revision

    def _note(self, values: list[bytes]) -> None:
        now = time.time()
        for value in values:
            transition = msgspec.json.decode(value, type=_Transition)
            if transition.cause == "order":
                self.latencies.append((now, now - transition.effective_at.timestamp()))


class _Watch:
    """Asks the worker every second for its lag, and the system for its memory."""

    def __init__(self, url: str, pid: int) -> None:
        self._url = url
        self._memory = Path(f"/proc/{pid}/statm")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        #: When, orders not counted yet, megabytes of memory, and those of them that are no state.
        self.samples: list[tuple[float, float, float, float]] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._ended.wait(1):
            memory = int(self._memory.read_text().split()[1]) * 4096 / _MEGABYTE
            state = harness.metric(self._url, _STATE) / _MEGABYTE
            lag = harness.metric(self._url, _LAG)
            self.samples.append((time.time(), lag, memory, memory - state))


def _fill(
    bench: harness.Bench, options: argparse.Namespace, url: str, worker: subprocess.Popen[bytes]
) -> None:
    """Have everybody known and in Redis before it begins."""
    harness.progress(f"filling orders of {options.customers:,} customers")
    count = options.customers * 3 // 2
    servers, until = bench.endpoints.bootstrap_servers, time.time_ns() // 1000
    pairs = workloads.uniform(count, options.customers, until, each=True)
    feed.run(servers, f"{_PREFIX}orders", options.partitions, pairs)
    harness.wait_for(lambda: harness.metric(url, harness.ORDERS_SEEN) >= count or None, worker, 600)
    harness.wait_for(lambda: harness.metric(url, _PENDING) == 0 or None, worker, 120)


def _feeder(bench: harness.Bench, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    numbers = map(str, (options.partitions, options.customers, options.rate))
    arguments = bench.endpoints.bootstrap_servers, f"{_PREFIX}orders", *numbers
    return subprocess.Popen([sys.executable, str(harness.ROOT / "feed.py"), *arguments])


def _steady(options: argparse.Namespace, reader: _Reader, watch: _Watch) -> dict[str, Any]:
    with _noting(reader, watch) as facts:
        time.sleep(options.steady)
    return facts


def _fault(
    name: str,
    bench: harness.Bench,
    options: argparse.Namespace,
    redis: Redis,
    reader: _Reader,
    watch: _Watch,
) -> dict[str, Any]:
    """Do something to Redis; what was noticed while it was away, until all was well, and afterwards."""
    harness.progress(f"{name}: begins")
    valkey = bench.services.valkey
    away: dict[str, Any] | None = None
    if name == "wipe":
        redis.flushall()
    else:
        begin, end = _ways(valkey, bench.services_core)[name]
        begin()
        try:
            away = _steady(argparse.Namespace(steady=options.away), reader, watch)
        finally:
            end()
    started = time.time()
    with _noting(reader, watch) as healing:
        while behind := _behind(redis, reader.revisions):
            harness.progress(f"{name}: {behind:,} keys are behind")
            if time.time() - started > _NEVER_WHOLE_SECONDS:
                raise SystemExit(f"{name}: Redis is not whole after {_NEVER_WHOLE_SECONDS:.0f} s")
    healed = time.time() - started
    after = _steady(options, reader, watch)
    return {"name": name, "away": away, "healing": healing, "healed_seconds": healed, "after": after}


def _ways(valkey: ValkeyServer, core: int) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    def start() -> None:
        valkey.start()
        harness.pin(valkey.pid, core)

    return {"freeze": (valkey.pause, valkey.resume), "kill": (valkey.kill, start)}


def _behind(redis: Redis, revisions: dict[str, int]) -> int:
    """How many keys are gone, or behind what was committed half a second ago."""
    expected = dict(revisions)
    time.sleep(0.5)
    ids, behind = list(expected), 0
    for start in range(0, len(ids), _KEYS_AT_ONCE):
        some = ids[start : start + _KEYS_AT_ONCE]
        values = redis.mget([f"rfm:customer:{customer}" for customer in some])
        for customer, value in zip(some, values, strict=True):
            behind += value is None or (
                msgspec.msgpack.decode(value, type=_Key).revision < expected[customer]
            )
    return behind


@contextmanager
def _noting(reader: _Reader, watch: _Watch) -> Iterator[dict[str, Any]]:
    """What is seen meanwhile: the greatest lag and memory, and the latency of transitions."""
    facts: dict[str, Any] = {}
    start = time.time()
    yield facts
    samples = [sample for sample in watch.samples if sample[0] >= start]
    late = [seconds * 1000 for at, seconds in reader.latencies if at >= start]
    facts["seconds"] = time.time() - start
    for name, place in (("lag", 1), ("rss", 2), ("beside", 3)):
        facts[name] = max((sample[place] for sample in samples), default=0.0)
    facts["latency"] = np.percentile(late, (50, 99)).tolist() if late else []
