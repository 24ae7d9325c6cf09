"""What Redis has to hold in the end: what the topic of current segments says, and what the orders come to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgpack
import truth
from broker import eventually, last_offsets
from outcome import Outcome
from redis import Redis, RedisError
from standing import NO_VERSION, Scale, Standing, Version

_CUSTOMER, _PARTITION = b"rfm:customer:", b"rfm:partition:"
_SECONDS = 60.0
_PAUSE_SECONDS = 0.5
_SCHEMA = 1

# Everything but the name, which is the key there, and the instant: in the topic it is of the last news,
# and in Redis it may be later.
_SAID = (
    *("segment", "code", "r", "f", "m"),
    *("quantiles_version", "sequence", "revision", "partition"),
)

Documents = dict[str, dict[str, Any]]
Watermarks = dict[int, dict[str, Any]]


def wrong_cache(outcome: Outcome) -> Iterator[str]:
    """What is wrong in Redis, and with current segments by its watermarks, while the workers still run."""
    found: list[str] = []

    def right() -> bool:
        # With the wall clock everybody is scored again now and then: then all of it is looked at again.
        found[:] = _wrong_now(outcome)
        if found:
            time.sleep(_PAUSE_SECONDS)
        return not found

    if not eventually(right, _SECONDS):
        yield from found


def _wrong_now(outcome: Outcome) -> list[str]:
    try:
        watermarks, held = _held(outcome.redis_url)
    except RedisError as error:
        return [f"Redis does not answer: {error}"]
    # What is quick comes first: with the wall clock all of it changes every few seconds. The marker that ends
    # a transaction takes an offset, too.
    last = last_offsets(outcome.servers, outcome.topic(outcome.changelog))
    ends = {number: offset + 2 for number, offset in last.items()}
    versions, current = outcome.versions(), outcome.current_segments()
    found = [*unlike(held, current), *wrong_watermarks(watermarks, versions, ends, outcome.group)]
    if not found:
        by_watermark = {number: versions[each["quantiles_version"]] for number, each in watermarks.items()}
        found += untrue(current, outcome.events, by_watermark, outcome.scale, outcome.window)
    return found


def _held(url: str) -> tuple[Watermarks, Documents]:
    with Redis.from_url(url) as redis:
        return (
            {int(name): said for name, said in _under(redis, _PARTITION).items()},
            _under(redis, _CUSTOMER),
        )


def _under(redis: Redis, prefix: bytes) -> Documents:
    keys = list(redis.scan_iter(prefix + b"*", count=10_000))
    values = redis.mget(keys) if keys else []
    return {
        key.removeprefix(prefix).decode(): msgpack.unpackb(value)
        for key, value in zip(keys, values, strict=True)
        if value
    }


def unlike(held: Documents, current: Documents) -> Iterator[str]:
    """Where Redis is not what the topic says."""
    there = {customer: _said(document) for customer, document in held.items()}
    expected = {customer: _said(document) for customer, document in current.items()}
    different = [name for name in there.keys() | expected.keys() if there.get(name) != expected.get(name)]
    if different:
        one = min(different)
        yield (
            f"{len(different)} of {len(expected)} customers are wrong in Redis: {one} is {there.get(one)} "
            f"instead of {expected.get(one)}"
        )


def _said(document: dict[str, Any]) -> dict[str, Any]:
    return {name: document.get(name) for name in _SAID}


def wrong_watermarks(
    watermarks: Watermarks, versions: dict[int, Version], ends: dict[int, int], app_id: str
) -> Iterator[str]:
    """Where Redis says of a partition that it holds something else than all of it.

    Args:
        watermarks: what it says, by partition.
        versions: those that were published.
        ends: the offset behind the last transaction of each partition of the changelog.
        app_id: the deployment.
    """
    if watermarks.keys() != ends.keys():
        yield f"Redis holds watermarks of partitions {sorted(watermarks)} instead of {sorted(ends)}"
    for number in sorted(watermarks.keys() & ends.keys()):
        said = watermarks[number]
        version = versions.get(said["quantiles_version"], NO_VERSION)
        expected = {
            "app_id": app_id,
            "schema": _SCHEMA,
            "offset": ends[number],
            "quantiles_version": max(versions, default=0),
            "as_of": round(version.as_of * 1000),
        }
        wrong = {name: said.get(name) for name, value in expected.items() if said.get(name) != value}
        if wrong:
            yield f"the watermark of partition {number} says {wrong} instead of {expected}"


def untrue(
    current: Documents,
    events: dict[str, list[truth.Event]],
    versions: dict[int, Version],
    scale: Scale,
    window: float,
) -> Iterator[str]:
    """Where current segments are not what all orders come to, as of the versions of their partitions."""
    wrong = []
    for customer, document in current.items():
        account = truth.Account()
        for event in events.get(customer, ()):
            account.take(event)
        version = versions[document["partition"]]
        expected = scale.stands(*account.values(version.as_of, window), version)
        said = Standing(*(document[name] for name in ("r", "f", "m", "code", "segment")))
        if not account.known or said != expected:
            wrong.append(f"{said} where orders and version {version.number} say {expected}")
    if wrong:
        yield f"{len(wrong)} of {len(current)} customers have a segment that is not theirs: {wrong[0]}"
