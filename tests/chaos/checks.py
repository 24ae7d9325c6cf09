"""What has to be true when all is over, asked of the broker and of Redis alone: none of it by the stream.

The expected transitions and segments come from a replay of the same orders.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
from broker import Message, eventually, records, write
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from redis import Redis

_CUSTOMER = b"rfm:customer:"
_CACHE_SECONDS = 40.0
_PROBE_SECONDS = 15.0

#: Empty, as the value of the probe for transactions that nobody ended.
_PROBE = Message(key=b"probe", value=b"{}")


@dataclass(frozen=True)
class Outcome:
    """Where to look.

    Attributes:
        servers: of the broker.
        redis_url: of Redis.
        prefix: of all topics.
        group: of the workers.
        partitions: how many the orders have.
        replay: the folder that holds what a replay said.
        export: what the workers' state says.
        bad: how many records were sent that cannot count, by reason.
    """

    servers: str
    redis_url: str
    prefix: str
    group: str
    partitions: int
    replay: Path
    export: Path
    bad: Counter[str]

    def topic(self, name: str) -> str:
        return f"{self.prefix}{name}"


def findings(outcome: Outcome) -> Iterator[str]:
    """Everything that is wrong; nothing, if nothing is."""
    yield from _group(outcome)
    if outcome.export.read_bytes() != (outcome.replay / "segments.csv").read_bytes():
        yield "the state is not what the replay says"
    yield from _transitions(outcome)
    yield from _segments(outcome)
    found = Counter(
        dict(record.headers)["reason"].decode() for record in _all(outcome, "orders-dead-letters")
    )
    if found != outcome.bad:
        yield f"dead letters: {dict(found)} instead of {dict(outcome.bad)}"
    yield from _hanging(outcome)


def aborted(outcome: Outcome) -> int:
    """How many records were written that no reader of committed ones may see."""
    total = 0
    for name in ("segment-transitions", f"{outcome.group}-customers-changelog"):
        topic = outcome.topic(name)
        written = records(outcome.servers, topic, "read_uncommitted")
        total += sum(map(len, written.values())) - len(_all(outcome, name))
    return total


def _all(outcome: Outcome, name: str) -> list[Any]:
    found = records(outcome.servers, outcome.topic(name))
    return [record for number in sorted(found) for record in found[number]]


def _group(outcome: Outcome) -> Iterator[str]:
    topic = outcome.topic("orders")
    places = [TopicPartition(topic, number) for number in range(outcome.partitions)]
    consumer = KafkaConsumer(
        bootstrap_servers=outcome.servers, group_id=outcome.group, isolation_level="read_committed"
    )
    try:
        ends = consumer.end_offsets(places)
        for place in places:
            committed = consumer.committed(place)
            if committed != ends[place]:
                yield f"{place} is committed up to {committed} of {ends[place]}"
    finally:
        consumer.close(autocommit=False)
    admin = KafkaAdminClient(bootstrap_servers=outcome.servers)
    try:

        def members() -> int:
            [group] = admin.describe_groups([outcome.group]).values()
            return len(group["members"])

        if not eventually(lambda: not members(), 20):
            yield f"{members()} members are still in the group"
    finally:
        admin.close()


def _transitions(outcome: Outcome) -> Iterator[str]:
    expected = defaultdict(list)
    with (outcome.replay / "transitions.jsonl").open("rb") as lines:
        for line in lines:
            said = _without_moment(json.loads(line))
            expected[said["customer_id"]].append(said)
    found, ids = defaultdict(list), Counter()
    for record in _all(outcome, "segment-transitions"):
        said = _without_moment(json.loads(record.value))
        found[said["customer_id"]].append(said)
        ids[dict(record.headers)["ce_id"]] += 1
    twice = sum(1 for count in ids.values() if count > 1)
    if twice:
        yield f"{twice} transitions were published more than once"
    wrong = [customer for customer in expected.keys() | found.keys() if expected[customer] != found[customer]]
    if wrong:
        yield f"{len(wrong)} of {len(expected)} customers have other transitions than in the replay"


def _without_moment(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name != "detected_at"}


def _segments(outcome: Outcome) -> Iterator[str]:
    latest: dict[str, tuple[str, str] | None] = {}
    for record in _all(outcome, "customer-segments"):
        said = None if record.value is None else json.loads(record.value)
        latest[record.key.decode()] = said and (said["segment"], said["code"] or "")
    living = {customer: said for customer, said in latest.items() if said}
    if living != _exported(outcome):
        yield "the topic of current segments is not what the state says"


def cache(outcome: Outcome) -> Iterator[str]:
    """What is wrong in Redis, while the workers still run."""
    expected = _exported(outcome)
    with Redis.from_url(outcome.redis_url) as redis:

        def held() -> dict[str, tuple[str, str]]:
            keys = list(redis.scan_iter(_CUSTOMER + b"*", count=10_000))
            values = [msgpack.unpackb(value) for value in (redis.mget(keys) if keys else []) if value]
            return {
                key.removeprefix(_CUSTOMER).decode(): (said["segment"], said["code"] or "")
                for key, said in zip(keys, values, strict=False)
            }

        if not eventually(lambda: held() == expected, _CACHE_SECONDS):
            different = len(dict(held().items() ^ expected.items()))
            yield f"{different} of {len(expected)} customers are wrong in Redis"


def _exported(outcome: Outcome) -> dict[str, tuple[str, str]]:
    with outcome.export.open(encoding="utf-8", newline="") as lines:
        return {row["customer_id"]: (row["segment"], row["code"]) for row in csv.DictReader(lines)}


def _hanging(outcome: Outcome) -> Iterator[str]:
    """A record written outside of any transaction is the next that is seen, unless one was never ended."""
    for name in ("segment-transitions", "customer-segments", f"{outcome.group}-customers-changelog"):
        topic = outcome.topic(name)
        places = [TopicPartition(topic, number) for number in range(outcome.partitions)]
        consumer = KafkaConsumer(
            bootstrap_servers=outcome.servers, isolation_level="read_committed", enable_auto_commit=False
        )
        try:
            consumer.assign(places)
            consumer.seek_to_end(*places)
            for place in places:
                consumer.position(place)
            write(outcome.servers, topic, [_PROBE._replace(partition=place.partition) for place in places])
            seen: dict[int, bytes | None] = {}

            def polled() -> bool:
                for place, some in consumer.poll(timeout_ms=200).items():  # noqa: B023 - called in this turn
                    seen.setdefault(place.partition, some[0].key)  # noqa: B023 - the same
                return len(seen) == len(places)  # noqa: B023 - the same

            if not eventually(polled, _PROBE_SECONDS) or set(seen.values()) != {_PROBE.key}:
                yield f"a transaction hangs in {topic}: {len(seen)} of {len(places)} probes were seen"
        finally:
            consumer.close(autocommit=False)
