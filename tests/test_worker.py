"""What a worker refuses to start with; what it does once it runs is in ``tests/e2e``."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from types import SimpleNamespace

import pytest
from broker import Message, eventually, write
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaConnectionError, KafkaTimeoutError, SaslAuthenticationFailedError
from kafka.structs import OffsetAndMetadata
from workers import AS_A_SHELL_DOES, Worker

from stream_rfm.app import create_app
from stream_rfm.kafka.admin import KafkaUnavailableError, admin_client
from stream_rfm.kafka.declare import TopicsError, declare
from stream_rfm.settings import Settings
from stream_rfm.table.restore import ChangelogError
from stream_rfm.worker import ScorerWorker, _give_up, _passes


def refusal(tmp_path, environment):
    """What a worker says that does not start: one sentence on standard error, and exit code 2."""
    with Worker(tmp_path / "worker", environment) as worker:
        assert worker.process.wait(30) == 2
        [sentence] = worker.said.splitlines()
        return sentence


@pytest.mark.usefixtures("deployment")
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STREAM_RFM_LEVELS", "eleven", "STREAM_RFM_LEVELS "),
        ("STREAM_RFM_LEVEL", "5", "did you mean STREAM_RFM_LEVELS?"),
        ("STREAM_RFM_GRID", "no-such-grid", "STREAM_RFM_GRID: "),
        ("STREAM_RFM_QUANTILES", "fixed", "STREAM_RFM_QUANTILES: "),
        ("STREAM_RFM_RATES__USD", "cheap", "STREAM_RFM_RATES__USD must be a decimal number"),
    ],
)
def test_wrong_setting_is_said_in_a_sentence(tmp_path, name, value, said):
    assert said in refusal(tmp_path, {name: value})


@pytest.mark.usefixtures("deployment")
@pytest.mark.parametrize(
    "content", ["levels = 5\n", "levels = [", "\x00"], ids=["incomplete", "no-toml", "binary"]
)
def test_wrong_grid_file_is_named(tmp_path, content):
    grid = tmp_path / "grid.toml"
    grid.write_text(content)
    sentence = refusal(tmp_path, {"STREAM_RFM_GRID": str(grid)})
    assert sentence.startswith("STREAM_RFM_GRID: ")
    assert str(grid) in sentence


def test_topics_with_other_partitions_are_refused(deployment, tmp_path):
    declare(deployment.settings)
    with Worker(tmp_path / "worker", {"STREAM_RFM_TOPICS__PARTITIONS": "4"}, AS_A_SHELL_DOES) as worker:
        assert worker.process.wait(30) == 2
        last = worker.said.splitlines()[-1]
        assert deployment.topics.orders.name in last
        assert "STREAM_RFM_TOPICS__PARTITIONS" in last
        assert "Traceback" not in worker.said


def test_topic_whose_settings_would_lose_state_is_refused_and_others_are_warned_of(deployment, tmp_path):
    declare(deployment.settings)
    changelog, segments = deployment.topics.changelog.name, deployment.topics.segments.name
    with admin_client(deployment.settings.kafka) as admin:
        set_to(admin, segments, "compact,delete")
        with Worker(tmp_path / "warned") as worker:
            worker.wait_until_ready()
            [warned] = worker.logged("a topic is not as it should be")
            assert warned["topic"] == segments
            assert warned["differences"] == ["cleanup.policy: compact,delete, not compact"]
            assert worker.metric("stream_rfm_topic_differences", topic=segments) == 1
            assert worker.metric("stream_rfm_topic_differences") == 1
            assert worker.end() == 0
        set_to(admin, changelog, "delete")
    with Worker(tmp_path / "refused") as worker:
        assert worker.process.wait(30) == 2
        last = worker.said.splitlines()[-1]
        assert last.startswith(f"Topic {changelog} has cleanup.policy: delete, not compact")
        assert f"--topic {changelog} --add-config cleanup.policy=compact" in last
        assert "Traceback" not in worker.said


def set_to(admin, topic, policy):
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"cleanup.policy": policy})])


def test_state_in_another_currency_is_refused(deployment, tmp_path, monkeypatch):
    monkeypatch.setenv("STREAM_RFM_RESCORE_SECONDS", "1")
    monkeypatch.setenv("STREAM_RFM_MIN_CUSTOMERS", "1")
    with Worker(tmp_path / "first", command=AS_A_SHELL_DOES) as worker:
        worker.wait_until_ready()
        order = {"customer_id": "c-1", "order_id": "o-1", "amount": "1", "ts": "2025-01-01T00:00:00Z"}
        write(
            deployment.servers, deployment.topics.orders.name, [Message(b"c-1", json.dumps(order).encode())]
        )
        assert eventually(lambda: worker.metric("stream_rfm_order_events_total") == 1)
        assert worker.end() == 0
    with Worker(tmp_path / "other", {"STREAM_RFM_CURRENCY": "USD"}) as worker:
        assert worker.process.wait(30) == 2
        assert worker.said.splitlines()[-1].startswith("The state is in EUR and STREAM_RFM_CURRENCY is USD")


def test_group_that_counts_other_orders_is_refused(deployment, tmp_path):
    declare(deployment.settings)
    group, servers = deployment.settings.app_id, deployment.servers
    with KafkaConsumer(bootstrap_servers=servers, group_id=group, enable_auto_commit=False) as consumer:
        ours = TopicPartition(deployment.topics.orders.name, 0)
        consumer.assign([ours])
        consumer.commit({ours: OffsetAndMetadata(0, "", -1)})
    with Worker(tmp_path / "other", {"STREAM_RFM_TOPICS__PREFIX": "b."}) as worker:
        assert worker.process.wait(30) == 2
        sentence = worker.said.splitlines()[-1]
    assert sentence.startswith(f"The consumer group {group} has read topic {ours.topic}, ")
    assert "STREAM_RFM_APP_ID" in sentence
    assert sentence.endswith(f"--group {group} --delete-offsets --topic {ours.topic}`.")


def test_version_of_a_newer_release_ends_it(deployment, tmp_path):
    declare(deployment.settings)
    newer = Message(b"1", b"{}", [("schema", b"quantiles.v2")])
    write(deployment.servers, deployment.topics.quantiles.name, [newer])
    with Worker(tmp_path / "worker") as worker:
        assert worker.process.wait(30) == 2, worker.said
        assert worker.said.splitlines()[-1].endswith("this release reads quantiles.v1: use a newer release.")


def test_where_it_is_can_be_seen_without_any_value(deployment, tmp_path):
    declare(deployment.settings)
    secret = "kunde-7q"
    with Worker(tmp_path / "worker") as worker:
        worker.wait_until_ready()
        url = worker.url
        order = {"customer_id": secret, "order_id": "a", "ts": "2026-01-02T03:04:05Z", "amount": "1"}
        message = Message(secret.encode(), json.dumps(order).encode())
        write(deployment.servers, deployment.topics.orders.name, [message])
        assert eventually(lambda: worker.metric("stream_rfm_order_events_total") == 1, 20)
        worker.tell(signal.SIGUSR1)
        worker.tell(signal.SIGUSR2)
        assert eventually(lambda: "Stack for" in worker.said and "most recent call first" in worker.said)
        with urllib.request.urlopen(f"{url}/ready", timeout=10) as answer:
            assert answer.status == 200
        assert worker.end() == 0
        assert secret not in worker.said


@pytest.mark.parametrize("error", [KafkaUnavailableError(), KafkaConnectionError(), KafkaTimeoutError()])
def test_a_start_waits_for_kafka_that_is_away_or_goes_away_meanwhile(error):
    assert _passes(error)


@pytest.mark.parametrize("error", [TopicsError(), SaslAuthenticationFailedError(), ValueError()])
def test_a_start_does_not_wait_for_what_does_not_pass(error):
    assert not _passes(error)


@pytest.mark.parametrize(
    ("reason", "code"), [(None, 1), (ValueError("what"), 1), (ChangelogError("Use a newer release."), 2)]
)
def test_what_hangs_as_it_ends_changes_nothing_of_why_it_ends(reason, code, monkeypatch, capfd):
    codes = []

    def end(number):
        codes.append(number)
        raise SystemExit

    monkeypatch.setattr(os, "_exit", end)
    with pytest.raises(SystemExit):
        _give_up(SimpleNamespace(crash_reason=reason))
    assert codes == [code]
    assert capfd.readouterr().err.endswith("Use a newer release.\n") == (code == 2)


def test_only_the_second_signal_of_an_operator_ends_it_at_once(monkeypatch):
    hours, codes = iter(range(0, 100_000, 3600)), []
    monkeypatch.setattr(time, "monotonic", lambda: next(hours))
    monkeypatch.setattr(os, "_exit", codes.append)
    loop = asyncio.new_event_loop()
    worker = ScorerWorker(create_app(Settings()), 3600)
    worker.loop = loop
    told = []
    monkeypatch.setattr(worker, "_schedule_shutdown", told.append)
    # Its name went to another process.
    worker.app.on_fenced()
    loop.run_until_complete(asyncio.sleep(0))
    worker._on_sigterm()
    assert (told, codes) == ([signal.SIGTERM] * 2, [])
    worker._on_sigterm()
    assert codes == [1]
    loop.close()


def test_counting_is_not_interrupted_for_what_is_fetched_once_all_is_compiled():
    script = """
import sys
from stream_rfm import worker
before = sys.getswitchinterval()
worker._load_kernels()
print(before < sys.getswitchinterval() == worker._SWITCH_SECONDS)
"""
    # In a process of its own: it is for all of one.
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
