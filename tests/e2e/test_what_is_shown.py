"""What a worker shows of itself: whether it lives and is ready, its metrics, its logs, and to whom."""

import asyncio
import json
import re
import signal
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from aiokafka import TopicPartition
from bad_records import cases
from broker import Message, eventually, write
from flow import command, exported
from open_transaction import open_transaction
from prometheus_client.parser import text_string_to_metric_families
from shop import between, day, written
from workers import PERSONAL, Worker

METRICS_PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
END = 10


@asynccontextmanager
async def pending_offsets(deployment):
    """A transaction that may still change what the group has committed: a takeover waits for its end."""
    async with open_transaction(deployment) as producer:
        place = TopicPartition(deployment.topics.orders.name, 0)
        await producer.send_offsets_to_transaction({place: 0}, deployment.settings.app_id)
        yield


async def test_it_lives_at_once_and_is_ready_when_its_state_is_there(deployment, choose, tmp_path):
    choose(kafka__transaction_timeout_seconds=30)
    await asyncio.to_thread(command, "topics", "create")
    with Worker(tmp_path / "worker") as worker:
        async with pending_offsets(deployment):
            assert await asyncio.to_thread(eventually, lambda: worker.url is not None, 20)
            for _ in range(20):
                assert await asyncio.to_thread(worker.get, "/live") == (200, '{"live": true}')
                assert await asyncio.to_thread(worker.get, "/ready") == (503, '{"ready": false}')
                await asyncio.sleep(0.05)
        await asyncio.to_thread(worker.wait_until_ready)
        assert await asyncio.to_thread(worker.get, "/ready") == (200, '{"ready": true}')
        assert await asyncio.to_thread(worker.end) == 0


@pytest.fixture
def busy(documents, deployment, tmp_path):
    """A worker that has counted some days, and has refused records of every kind."""
    command("topics", "create")
    with Worker(tmp_path / "worker") as worker:
        part = written(tmp_path / "orders.jsonl", between(documents, 0, END))
        command("produce", part, "--until", day(END))
        exported(day(END), tmp_path / "export.csv")
        odd = [Message(case.key, case.value, case.headers, 0) for case in cases() if case.reason]
        write(deployment.servers, deployment.topics.orders.name, odd)
        assert eventually(lambda: worker.metric("stream_rfm_dead_letters_total") == len(odd))
        yield worker


def listening(worker):
    """The addresses on which somebody could connect to a worker."""
    sockets = psutil.Process(worker.process.pid).net_connections(kind="inet")
    return [each.laddr.ip for each in sockets if each.status == psutil.CONN_LISTEN]


def test_metrics_are_the_documented_ones_for_this_machine_and_name_nobody(busy, deployment):
    assert listening(busy) == ["127.0.0.1"]
    with urllib.request.urlopen(f"{busy.url}/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        page = answer.read().decode()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    documented = re.findall(r"^\| `(stream_rfm_\w+)`", METRICS_PAGE.read_text("utf-8"), re.MULTILINE)
    assert {name.removesuffix("_total") for name in documented} <= families.keys()
    assert all(family.documentation for family in families.values())
    assert PERSONAL not in page
    partitions = {sample.labels["partition"] for sample in families["stream_rfm_consumer_lag"].samples}
    assert partitions == {str(number) for number in range(deployment.settings.topics.partitions)}
    assert busy.metric("stream_rfm_consumer_lag") == 0
    assert busy.metric("stream_rfm_quantiles_version") == END
    assert busy.metric("stream_rfm_order_to_transition_seconds_count") > 0


def test_port_that_is_taken_is_said_when_it_was_chosen(busy, choose, tmp_path):
    port = busy.url.rpartition(":")[2]
    choose(metrics_port=port)
    with Worker(tmp_path / "other") as other:
        assert other.process.wait(30) == 2
        assert f"STREAM_RFM_METRICS_PORT {port} cannot be listened on" in other.said
        assert "Traceback" not in other.said
    assert busy.ready


def test_logs_are_json_for_machines_and_name_nobody(busy):
    # Ctrl-C ends a worker as SIGTERM does.
    busy.tell(signal.SIGINT)
    assert busy.process.wait(30) == 0
    assert [entry["signal"] for entry in busy.logged("ending")] == ["SIGINT"]
    entries = busy.logs
    assert {"starting", "serving metrics", "took partitions over"} <= {each["message"] for each in entries}
    for entry in entries:
        assert {"time", "level", "logger", "message"} <= entry.keys()
        assert PERSONAL not in json.dumps(entry)
    assert "\n".join(map(json.dumps, entries)) + "\n" == busy.said
