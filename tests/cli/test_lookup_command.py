import json
import time

import msgpack
import pytest
from redis import Redis
from runs import run

SAID = {
    "segment": "loyal",
    "code": "345",
    "r": 3,
    "f": 4,
    "m": 5,
    "scored_at": 1_767_323_045_000,
    "quantiles_version": 7,
    "sequence": 2,
    "revision": 9,
    "partition": 1,
}


@pytest.fixture(autouse=True)
def _cache(deployment):
    said = {"as_of": 1_767_323_045_000, "committed_at": time.time() * 1000 - 5000, "quantiles_version": 8}
    with Redis.from_url(deployment.endpoints.redis_url) as redis:
        redis.set("rfm:customer:c-1", msgpack.packb(SAID))
        redis.set(
            "rfm:customer:c-2", msgpack.packb(SAID | {"partition": 2, "code": None, "segment": "lapsed"})
        )
        redis.set("rfm:partition:1", msgpack.packb(said))


def test_one_line_a_customer_in_the_order_asked():
    result = run("lookup", "c-2", "c-1")
    assert (result.exit_code, result.stderr) == (0, "")
    second, first = result.stdout.splitlines()
    assert first.startswith("c-1: loyal, code 345, scored at 2026-01-02 03:04:05 UTC, version 7, ")
    assert 5 <= float(first.split()[-3]) < 20
    assert second == "c-2: lapsed, scored at 2026-01-02 03:04:05 UTC, version 7, of unknown age"


def test_unknown_customer_is_said_and_exits_with_1():
    result = run("lookup", "nobody", "c-1")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == "nobody: unknown"
    assert result.stdout.splitlines()[1].startswith("c-1: loyal")


def test_json_is_an_object_a_line():
    result = run("lookup", "c-1", "c-2", "nobody", "--json")
    assert result.exit_code == 1
    first, second, third = map(json.loads, result.stdout.splitlines())
    when = "2026-01-02T03:04:05+00:00"
    committed_at = first.pop("committed_at")
    assert committed_at.endswith("+00:00")
    assert first == {"customer_id": "c-1", "known": True, **SAID, "scored_at": when, "as_of": when}
    assert (second["segment"], second["as_of"], second["committed_at"]) == ("lapsed", None, None)
    assert third == {"customer_id": "nobody", "known": False}


def test_redis_that_does_not_answer_has_failed_without_its_password(monkeypatch):
    monkeypatch.setenv("STREAM_RFM_REDIS__URL", "redis://:secret@127.0.0.1:1/0")
    result = run("lookup", "c-1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Redis failed: ConnectionError")
    assert "secret" not in result.stderr


def test_url_that_is_none_is_wrong_use(monkeypatch):
    monkeypatch.setenv("STREAM_RFM_REDIS__URL", "redis://:sec/ret@127.0.0.1:x/0")
    result = run("lookup", "c-1")
    assert result.exit_code == 2
    assert result.stderr.startswith("STREAM_RFM_REDIS__URL should be redis://:password@host:port/0")
    assert "ret" not in result.stderr
