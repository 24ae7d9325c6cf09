"""Processes that ask the cache at a steady pace, or as often as they can; and one that only looks at a clock.

Each question counts from the instant at which it was due, whatever became of those before.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import harness
import msgpack
import numpy as np
import staged
from redis import Redis

from stream_rfm.client import SegmentReader

AT_ONCE = 100
_GREATEST_SECONDS = 3.0
_NAMES = 100_000

Found = dict[str, float]


def in_process(core: int, what: Callable[..., Found], *arguments: Any) -> Found:
    """What a process on a core finds: one that shares no lock with this one."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with harness.on_core(core):
        process = context.Process(target=_run, args=(theirs, what, arguments))
        process.start()
    theirs.close()
    try:
        found: Found = ours.recv()
    finally:
        process.join(30)
        process.kill()
    return found


def _run(out: Connection, what: Callable[..., Found], arguments: tuple[Any, ...]) -> None:
    out.send(what(*arguments))


def by_reader(url: str, options: dict[str, Any]) -> Found:
    """Latency of lookups by :class:`SegmentReader`."""
    with SegmentReader(url) as reader:
        return _paced(reader.get, options)


def by_redis_py(url: str, options: dict[str, Any]) -> Found:
    """Latency of the same questions by redis-py, with its answers unpacked."""
    with Redis.from_url(url) as redis:

        def get(name: str) -> Any:
            value = redis.get(f"rfm:customer:{name}")
            return None if value is None else msgpack.unpackb(value)

        return _paced(get, options)


def by_a_clock(seconds: float, options: dict[str, Any]) -> Found:
    """Latency where nothing is asked: what the machine alone makes of questions that take so long."""

    def wait(name: str) -> str:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass
        return name

    return _paced(wait, options)


def greatest(url: str, options: dict[str, Any]) -> Found:
    """Customers a second without a pause, one after the other and many at once."""
    names = _names(options)

    def rate(ask: Callable[[list[str]], Any], each: int) -> float:
        start, asked = time.perf_counter(), 0
        while time.perf_counter() < start + _GREATEST_SECONDS:
            first = asked % (len(names) - each)
            ask(names[first : first + each])
            asked += each
        return asked / (time.perf_counter() - start)

    with SegmentReader(url) as reader:
        return {"get": rate(lambda some: reader.get(some[0]), 1), "get_many": rate(reader.get_many, AT_ONCE)}


def _paced(ask: Callable[[str], Any], options: dict[str, Any]) -> Found:
    names = _names(options)
    ask(names[0])
    count, step = round(options["rate"] * options["seconds"]), 1 / options["rate"]
    took, found, start = np.empty(count), 0, time.perf_counter() + 0.1
    for number in range(count):
        due = start + number * step
        pause = due - time.perf_counter()
        if pause > 0:
            time.sleep(pause)
        found += ask(names[number % len(names)]) is not None
        took[number] = time.perf_counter() - due
    if found < count:
        raise SystemExit(f"{count - found:,} of {count:,} customers are not in Redis")
    return staged.latency(took * 1000)


def _names(options: dict[str, Any]) -> list[str]:
    random = np.random.default_rng(11)
    return [f"c-{who}" for who in random.integers(0, options["customers"], _NAMES).tolist()]
