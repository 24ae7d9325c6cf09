"""Orders through the stream, and what has to come out of it: what a replay of the same orders says."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from itertools import chain
from pathlib import Path
from typing import Any

import msgpack
import msgspec
from broker import eventually
from committed_records import committed_records
from deployment import Deployment
from redis import Redis
from typer.testing import CliRunner
from workers import Worker

import stream_rfm
from stream_rfm.cli.main import app
from stream_rfm.model.transition import Cause

_CUSTOMER = b"rfm:customer:"
_json = msgspec.json.decode

#: What only the moment of its discovery decides.
_NOT_COMPARED = {"detected_at"}

Said = dict[str, list[dict[str, Any]]]


def command(*arguments: object) -> str:
    """Run a command in this process, with its environment; returns what it printed."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def cdnow() -> Path:
    """The orders of 23,570 real customers, which the package brings along for its demo."""
    [path] = Path(stream_rfm.__file__).parent.rglob("cdnow_master.orders.csv.gz")
    return path


def replayed(orders: Path, as_of: str, folder: Path) -> Path:
    """What the same core says without a broker, by the settings of the environment."""
    command("replay", orders, "--as-of", as_of, "-o", folder)
    return folder


def exported(as_of: str, path: Path, seconds: float = 60) -> Path:
    command("export", "--wait-as-of", as_of, "--timeout", seconds, "-o", path)
    return path


def counted(*workers: Worker) -> float:
    """How many order events some workers have counted."""
    return sum(worker.metric("stream_rfm_order_events_total") for worker in workers)


def assert_same(deployment: Deployment, replay: Path, export: Path) -> None:
    """The stream came to what the replay came to, by the same way, and said each step once."""
    assert export.read_bytes() == (replay / "segments.csv").read_bytes()
    expected = _of_replay(replay / "transitions.jsonl")
    found, ids = transitions(deployment)
    assert found.keys() == expected.keys()
    for customer, said in expected.items():
        assert [_compared(each) for each in found[customer]] == [_compared(each) for each in said]
    assert set(ids.values()) <= {1}
    assert_chained(found)


def transitions(deployment: Deployment) -> tuple[Said, Counter[str]]:
    """Committed transitions by customer in the order of the topic, and how often each ce_id occurs."""
    found: Said = defaultdict(list)
    ids: Counter[str] = Counter()
    topic = deployment.topics.transitions
    committed = committed_records(deployment.servers, topic.name, range(topic.partitions))
    for record in chain.from_iterable(asyncio.run(committed).values()):
        document = _json(record.value)
        assert record.key.decode() == document["customer_id"]
        found[document["customer_id"]].append(document)
        ids[dict(record.headers)["ce_id"].decode()] += 1
    return found, ids


def _of_replay(path: Path) -> Said:
    said: Said = defaultdict(list)
    for line in path.read_text("utf-8").splitlines():
        document = _json(line)
        said[document["customer_id"]].append(document)
    return said


def _compared(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in _NOT_COMPARED}


def assert_chained(found: Said) -> None:
    """Numbered without a hole, each from where the one before led to."""
    for said in found.values():
        segment, number = None, 0
        for each in said:
            number += 1
            assert (each["sequence"], each["from"]) == (number, segment)
            segment, number = each["to"], 0 if each["cause"] == Cause.ERASE else number


def cached(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """What Redis says of every customer."""
    with Redis.from_url(deployment.settings.redis.url.get_secret_value()) as redis:
        keys = list(redis.scan_iter(_CUSTOMER + b"*", count=10_000))
        values = redis.mget(keys) if keys else []
    return {
        key.removeprefix(_CUSTOMER).decode(): msgpack.unpackb(value)
        for key, value in zip(keys, values, strict=True)
        if value is not None
    }


def assert_cache_follows(deployment: Deployment, export: Path, seconds: float = 20) -> None:
    """Redis comes to hold exactly what was exported."""
    header, *lines = export.read_text("utf-8").splitlines()
    names = header.split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines]
    expected = {row["customer_id"]: (row["segment"], row["code"] or None) for row in rows}

    def held() -> dict[str, tuple[str, str | None]]:
        return {customer: (said["segment"], said["code"]) for customer, said in cached(deployment).items()}

    if not eventually(lambda: held() == expected, seconds):
        assert held() == expected
