"""A process that sends orders on a schedule, whatever happens; what it sends is made before it starts.

Its arguments are the schedule and the broker. At the end it prints how late it was itself, in milliseconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import feed
import numpy as np
import schedule
import wire
import workloads
from aiokafka.errors import for_code
from aiokafka.protocol.produce import ProduceResponse_v7
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from stream_rfm.stream.flat_produce import FlatProduceRequest_v7

# How often it looks what is due, at least, and for each partition: orders wait for that, which is part of
# their latency. Of each partition there is a batch a tick, which costs the broker the same whatever is in it.
_TICK_SECONDS, _TICK_SECONDS_EACH = 0.01, 0.0005
_TIMEOUT_MS = 30_000


def _ticks(plan: schedule.Schedule) -> list[bytes]:
    """All requests, made before the clock runs: those who send and those who wait share a core."""
    seconds = _tick_seconds(plan)
    ticks: list[dict[int, list[workloads.Pair]]]
    ticks = [{} for _ in range(int((plan.count - 1) / plan.rate / seconds) + 1)]
    for number, pair in enumerate(_pairs(plan)):
        place = feed.partition_of(pair[0], plan.partitions)
        ticks[int(number / plan.rate / seconds)].setdefault(place, []).append(pair)
    return [
        wire.framed(
            FlatProduceRequest_v7(
                transactional_id=None,
                required_acks=-1,
                timeout=_TIMEOUT_MS,
                topics=[(plan.topic, [(place, _batch(pairs)) for place, pairs in tick.items()])],
            )
        )
        for tick in ticks
    ]


def _tick_seconds(plan: schedule.Schedule) -> float:
    """How long a tick is: at its end its orders are due, or were a little before."""
    return max(_TICK_SECONDS, _TICK_SECONDS_EACH * plan.partitions)


def _pairs(plan: schedule.Schedule) -> Iterator[workloads.Pair]:
    random = np.random.default_rng(9)
    known = np.arange(plan.customers)
    if plan.only >= 0:
        here = [feed.partition_of(b"c-%d" % who, plan.partitions) == plan.only for who in known.tolist()]
        known = known[here]
    numbers = range(plan.count)
    whose = known[workloads.ranks(random, len(known), plan.count)].tolist()
    names = [plan.name(number, who) for number, who in zip(numbers, whose, strict=True)]
    amounts = random.lognormal(3, 1, plan.count).tolist()
    return workloads.orders(plan.run.encode(), numbers, names, amounts, time.time_ns() // 1000)


def _batch(pairs: list[workloads.Pair]) -> bytes:
    """A record batch as it goes over the wire."""
    batch = DefaultRecordBatchBuilder(
        2,
        0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=feed.BATCH_BYTES,
    )
    for place, (key, value) in enumerate(pairs):
        if batch.append(place, None, key, value, []) is None:
            raise SystemExit("the orders of a tick do not fit into a batch: a lower rate is needed")
    return bytes(batch.build())


def _send(plan: schedule.Schedule, servers: str) -> list[float]:
    late, seconds = [], _tick_seconds(plan)
    ticks = _ticks(plan)
    with wire.connected(servers) as broker:
        start = schedule.wait_for_start()
        for number, tick in enumerate(ticks):
            due = start + number * seconds
            # A tick is sent at its end, when all its orders are due; how late that is counts as theirs.
            time.sleep(max(0.0, due + seconds - time.time()))
            late.append((time.time() - due) * 1000)
            broker.send(tick)
            broker.keep_answers()
        for _ in ticks:
            _check(broker.answer(ProduceResponse_v7))
    return late


def _check(answer: Any) -> None:
    for _, partitions in answer.topics:
        for partition, error, *_ in partitions:
            if error:
                raise SystemExit(f"Kafka did not take orders of partition {partition}: {for_code(error)}")


if __name__ == "__main__":
    found = _send(schedule.read_argument(), sys.argv[2])
    print(float(np.percentile(found, 99)), flush=True)
