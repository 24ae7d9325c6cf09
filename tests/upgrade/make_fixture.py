"""Makes what a release leaves behind: ``python tests/upgrade/make_fixture.py RELEASE``.

Run it in a checkout of the release that the state is to be of, with ``PYTHONPATH`` set to that checkout. A
real worker on a real Kafka and Valkey scores the first half of the shop's history and ends; what is then in
the topics, in Redis and on the disk is written to ``state-RELEASE/`` beside this file. The files are never
made again: they say what that release wrote.
"""

from __future__ import annotations

import lzma
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "e2e")]

import msgpack  # noqa: E402 - behind the path
from broker import eventually, records  # noqa: E402 - the same
from flow import command, exported  # noqa: E402 - the same
from kept import MIDDLE, SETTINGS  # noqa: E402 - the same
from redis import Redis  # noqa: E402 - the same
from shop import DAYS, between, day, history, written  # noqa: E402 - the same
from workers import AS_A_SHELL_DOES, Worker  # noqa: E402 - the same

from stream_rfm.kafka.topics import topics_of  # noqa: E402 - the same
from stream_rfm.local.services import LocalServices  # noqa: E402 - the same
from stream_rfm.settings import load  # noqa: E402 - the same

_PACKED = {"format": lzma.FORMAT_XZ, "preset": 9 | lzma.PRESET_EXTREME}


def main(release: str) -> None:
    """Make the files of a release."""
    folder = HERE / f"state-{release}"
    folder.mkdir()
    with tempfile.TemporaryDirectory() as scratch, LocalServices(Path(scratch) / "services") as services:
        os.environ |= services.endpoints.environment() | SETTINGS
        os.environ["STREAM_RFM_DATA_DIR"] = f"{scratch}/data"
        documents = history()
        orders = written(Path(scratch) / "orders.jsonl", between(documents, 0, MIDDLE))
        command("topics", "create")
        with Worker(Path(scratch) / "worker", command=AS_A_SHELL_DOES) as worker:
            worker.wait_until_ready()
            command("produce", orders, "--until", day(MIDDLE))
            exported(day(MIDDLE), folder / "middle.csv")
            assert eventually(lambda: worker.metric("stream_rfm_cache_pending") == 0)
            assert worker.end() == 0, worker.said
        state = {
            "topics": _topics(services.endpoints.bootstrap_servers),
            "redis": _redis(services.endpoints.redis_url),
            "snapshots": _snapshots(Path(scratch) / "data"),
            "rest": [document for document in documents if document not in between(documents, 0, MIDDLE)],
        }
    packed = lzma.compress(msgpack.packb(state), **_PACKED)
    (folder / "state.msgpack.xz").write_bytes(packed)
    print(f"{folder}: {len(packed)} bytes, {DAYS} days")  # noqa: T201 - a script


def _topics(servers: str) -> dict[str, dict[int, list[Any]]]:
    topics = topics_of(load())
    return {
        role: {number: list(map(_record, found)) for number, found in records(servers, topic.name).items()}
        for role in (
            "orders",
            "transitions",
            "segments",
            "quantiles",
            "summaries",
            "changelog",
            "dead_letters",
        )
        for topic in [getattr(topics, role)]
    }


def _record(record: Any) -> tuple[Any, ...]:
    return record.offset, record.timestamp, record.key, record.value, list(record.headers)


def _redis(url: str) -> dict[bytes, bytes]:
    with Redis.from_url(url) as redis:
        keys = sorted(redis.scan_iter(b"rfm:*", count=10_000))
        return dict(zip(keys, redis.mget(keys), strict=True))


def _snapshots(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in (folder / "snapshots").rglob("*") if path.is_file())
    return {path.name: path.read_bytes() for path in found}


if __name__ == "__main__":
    main(*sys.argv[1:])
