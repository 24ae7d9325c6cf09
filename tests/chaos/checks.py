"""What has to be true when all is over, asked of the broker and of Redis alone: none of it by the stream.

With the event clock the expected transitions and segments come from a replay of the same orders; with both,
what they say is compared with what the orders come to in plain Python.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgpack
import truth
from broker import Message, eventually, records, write
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from redis import Redis, RedisError

_CUSTOMER = b"rfm:customer:"
_CACHE_SECONDS = 60.0
_PROBE_SECONDS = 30.0
_GROUP_SECONDS = 60.0
_DAY = 86_400.0

#: Empty, as the value of the probe for transactions that nobody ended.
_PROBE = Message(key=b"probe", value=b"{}")


@dataclass
class Outcome:
    """Where to look.

    Attributes:
        servers: of the broker.
        redis_url: of Redis.
        prefix: of all topics.
        group: of the workers.
        partitions: how many the orders have.
        orders: what was sent.
        bad: how many of them cannot count, by reason.
        export: what the workers' state says.
        as_of: the instant of the export, in seconds since 1970; ``None`` with the wall clock.
        window_days: for how long purchases count.
        replay: the folder that holds what a replay said; ``None`` with the wall clock.
    """

    servers: str
    redis_url: str
    prefix: str
    group: str
    partitions: int
    orders: Path
    bad: Counter[str]
    export: Path
    as_of: float | None
    window_days: float
    replay: Path | None
    compared: int = field(default=0, init=False)
    """How many transitions were found and compared."""

    def topic(self, name: str) -> str:
        return f"{self.prefix}{name}"

    @property
    def changelog(self) -> str:
        return f"{self.group}-customers-changelog"

    @cached_property
    def events(self) -> dict[str, list[truth.Event]]:
        return truth.events_of(self.orders)


def findings(outcome: Outcome) -> Iterator[str]:
    """Everything that is wrong; nothing, if nothing is."""
    yield from _group(outcome)
    window = outcome.window_days * _DAY
    yield from truth.state(outcome.export, outcome.events, outcome.as_of, window)
    said = _transitions(outcome)
    yield from _said_once(outcome, said)
    yield from _contiguous(said)
    yield from _follow_from_events(outcome, said)
    yield from _segments(outcome, said)
    if outcome.replay is not None:
        yield from _as_replayed(outcome, outcome.replay, said)
    found = Counter(
        dict(record.headers)["reason"].decode() for record in committed(outcome, "orders-dead-letters")
    )
    if found != outcome.bad:
        yield f"dead letters: {dict(found)} instead of {dict(outcome.bad)}"
    yield from _hanging(outcome)


def aborted(outcome: Outcome) -> int:
    """How many records were written that no reader of committed ones may see."""
    total = 0
    for name in ("segment-transitions", outcome.changelog):
        written = records(outcome.servers, outcome.topic(name), "read_uncommitted")
        total += sum(map(len, written.values())) - len(committed(outcome, name))
    return total


def committed(outcome: Outcome, name: str) -> list[Any]:
    """What a reader of committed records finds in a topic, partition by partition."""
    found = records(outcome.servers, outcome.topic(name))
    return [record for number in sorted(found) for record in found[number]]


def published(outcome: Outcome) -> dict[str, int]:
    """How many records others can read of what a restart may not make again."""
    names = ("segment-transitions", "customer-segments", "orders-dead-letters")
    return {name: len(committed(outcome, name)) for name in names}


def uncounted(servers: str, topic: str, group: str) -> int:
    """How many records of a topic the group has not committed yet."""
    consumer = KafkaConsumer(bootstrap_servers=servers, group_id=group, isolation_level="read_committed")
    try:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        ends = consumer.end_offsets(places)
        return sum(end - (consumer.committed(place) or 0) for place, end in ends.items())
    finally:
        consumer.close(autocommit=False)


def _group(outcome: Outcome) -> Iterator[str]:
    left = uncounted(outcome.servers, outcome.topic("orders"), outcome.group)
    if left:
        yield f"the committed offsets are {left} away from the end of the orders"
    admin = KafkaAdminClient(bootstrap_servers=outcome.servers)
    try:

        def members() -> int:
            [group] = admin.describe_groups([outcome.group]).values()
            return len(group["members"])

        if not eventually(lambda: not members(), _GROUP_SECONDS):
            yield f"{members()} members are still in the group"
    finally:
        admin.close()


def _transitions(outcome: Outcome) -> dict[str, list[dict[str, Any]]]:
    said = defaultdict(list)
    for record in committed(outcome, "segment-transitions"):
        each = json.loads(record.value) | {"ce_id": dict(record.headers)["ce_id"]}
        said[each["customer_id"]].append(each)
    return said


def _said_once(outcome: Outcome, said: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    ids = Counter(each["ce_id"] for some in said.values() for each in some)
    outcome.compared = ids.total()
    twice = sum(1 for count in ids.values() if count > 1)
    if twice:
        yield f"{twice} transitions were published more than once"


def _contiguous(said: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    torn = 0
    for some in said.values():
        sequence, standing = 0, None
        for each in some:
            torn += each["sequence"] != sequence + 1 or each["from"] != standing
            # Who comes back after an erase is somebody new.
            sequence, standing = (each["sequence"], each["to"]) if each["to"] else (0, None)
    if torn:
        yield f"{torn} transitions do not go on where the one before has ended"


def _follow_from_events(outcome: Outcome, said: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    window = outcome.window_days * _DAY
    wrong = [
        finding
        for customer, some in said.items()
        for finding in truth.transitions(
            some, outcome.events.get(customer, []), window, event_clock=outcome.replay is not None
        )
    ]
    if wrong:
        yield f"{len(wrong)} of {len(said)} customers have transitions that do not follow: {wrong[0]}"


def _as_replayed(outcome: Outcome, replay: Path, said: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    if outcome.export.read_bytes() != (replay / "segments.csv").read_bytes():
        yield "the state is not what the replay says"
    expected = defaultdict(list)
    with (replay / "transitions.jsonl").open("rb") as lines:
        for each in map(json.loads, lines):
            expected[each["customer_id"]].append(_of_the_input(each))
    found = {customer: [_of_the_input(each) for each in some] for customer, some in said.items()}
    wrong = [
        customer
        for customer in expected.keys() | found.keys()
        if expected.get(customer) != found.get(customer)
    ]
    if wrong:
        yield f"{len(wrong)} of {len(expected)} customers have other transitions than in the replay"


def _of_the_input(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in {"detected_at", "ce_id"}}


def _segments(outcome: Outcome, said: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    living = _living(outcome)
    last = {customer: some[-1]["to"] for customer, some in said.items() if some[-1]["to"]}
    if {customer: segment for customer, (segment, _) in living.items()} != last:
        yield "the topic of current segments is not where the last transitions led"
    if outcome.replay is not None and living != exported(outcome.export):
        yield "the topic of current segments is not what the state says"


def _living(outcome: Outcome) -> dict[str, tuple[str, str]]:
    latest: dict[str, tuple[str, str] | None] = {}
    for record in committed(outcome, "customer-segments"):
        said = None if record.value is None else json.loads(record.value)
        latest[record.key.decode()] = said and (said["segment"], said["code"] or "")
    return {customer: said for customer, said in latest.items() if said}


def cache(outcome: Outcome) -> Iterator[str]:
    """What is wrong in Redis, while the workers still run."""
    with Redis.from_url(outcome.redis_url) as redis:

        def held() -> dict[str, tuple[str, str]]:
            try:
                keys = list(redis.scan_iter(_CUSTOMER + b"*", count=10_000))
                values = [msgpack.unpackb(value) for value in (redis.mget(keys) if keys else []) if value]
            except RedisError:
                return {}
            return {
                key.removeprefix(_CUSTOMER).decode(): (said["segment"], said["code"] or "")
                for key, said in zip(keys, values, strict=False)
            }

        # With the wall clock everybody is scored again now and then: then the topic is looked at again.
        if not eventually(lambda: held() == _living(outcome), _CACHE_SECONDS):
            expected = _living(outcome)
            different = len(dict(held().items() ^ expected.items()))
            yield f"{different} of {len(expected)} customers are wrong in Redis"


def exported(export: Path) -> dict[str, tuple[str, str]]:
    """Everybody's segment and code in an export."""
    with export.open(encoding="utf-8", newline="") as lines:
        return {row["customer_id"]: (row["segment"], row["code"]) for row in csv.DictReader(lines)}


def _hanging(outcome: Outcome) -> Iterator[str]:
    """A record written outside of any transaction is the next that is seen, unless one was never ended."""
    for name in ("segment-transitions", "customer-segments", outcome.changelog):
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
