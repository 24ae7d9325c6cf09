import os
import signal

import psutil
import pytest
from broker import eventually
from local_probes import create_topic, gone, read, taken, write

from stream_rfm.local.errors import PortTakenError, ServiceError
from stream_rfm.local.kafka import KafkaBroker
from stream_rfm.local.ports import free_ports


@pytest.fixture
def running(broker):
    """The shared broker, running again after a test that ended it."""
    yield broker
    if not broker.running:
        broker.start()


def test_records_survive_a_restart_on_the_same_port(running):
    servers, pid = running.bootstrap_servers, running.pid
    create_topic(servers, "restart")
    write(servers, "restart", b"before")
    running.restart()
    assert running.bootstrap_servers == servers
    assert running.pid != pid
    write(servers, "restart", b"after")
    assert read(servers, "restart", 2) == [b"before", b"after"]


def test_death_of_a_broker_is_noticed_and_its_records_survive(running):
    servers, pid = running.bootstrap_servers, running.pid
    create_topic(servers, "kill")
    write(servers, "kill", b"before")
    running.check()
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not running.running)
    assert gone(pid)
    with pytest.raises(ServiceError, match="Kafka has ended by itself"):
        running.check()
    running.start()
    assert running.bootstrap_servers == servers
    assert read(servers, "kill", 1) == [b"before"]


def test_paused_broker_answers_when_it_is_resumed(running):
    running.pause()
    assert psutil.Process(running.pid).status() == psutil.STATUS_STOPPED
    assert not running._answers()
    assert running.running
    running.resume()
    assert eventually(running._answers)


def test_paused_broker_is_stopped_in_good_order_and_its_data_starts_on_another_port(running):
    servers, pid = running.bootstrap_servers, running.pid
    create_topic(servers, "moved")
    write(servers, "moved", b"record")
    running.pause()
    running.stop()
    assert gone(pid)
    assert any("shut down completed" in line for line in running.log.lines())
    (port,) = free_ports(1)
    with KafkaBroker(running.folder, port=port) as moved:
        assert moved.bootstrap_servers == f"127.0.0.1:{port}"
        assert read(moved.bootstrap_servers, "moved", 1) == [b"record"]


def test_properties_allow_large_records_and_short_sessions(running):
    properties = (running.folder / "server.properties").read_text().splitlines()
    assert "message.max.bytes=16777216" in properties
    assert "replica.fetch.max.bytes=16777216" in properties
    assert "group.min.session.timeout.ms=1000" in properties


def test_broker_that_runs_is_not_started_twice(running):
    with pytest.raises(ServiceError, match=f"Kafka runs already, with pid {running.pid}"):
        running.start()


def test_broker_that_does_not_run_has_neither_pid_nor_pause(tmp_path):
    broker = KafkaBroker(tmp_path)
    with pytest.raises(ServiceError, match="Kafka does not run"):
        _ = broker.pid
    with pytest.raises(ServiceError, match="Kafka does not run"):
        broker.pause()
    broker.stop()
    broker.kill()


def test_named_port_of_somebody_else_is_an_error(tmp_path):
    with taken() as port:
        broker = KafkaBroker(tmp_path, port=port)
        with pytest.raises(PortTakenError, match=f"127.0.0.1:{port}, because another process"):
            broker.start()


def test_chosen_port_that_was_taken_meanwhile_is_replaced(tmp_path, monkeypatch):
    broker = KafkaBroker(tmp_path)
    with taken(broker.ports[0]) as port:
        # Taken between the look at the port and the JVM's own try.
        monkeypatch.setattr("stream_rfm.local.service.is_free", lambda _: True)
        with broker:
            assert broker.ports[0] != port
            assert broker._answers()


def test_wrong_setting_is_shown_from_the_log(tmp_path):
    broker = KafkaBroker(tmp_path, properties={"message.max.bytes": "many"})
    with pytest.raises(ServiceError) as failure:
        broker.start()
    assert "Kafka ended while it started. Its log" in str(failure.value)
    assert "Invalid value many for configuration message.max.bytes" in str(failure.value)
    assert "\tat " not in str(failure.value)
    assert not broker.running


def test_broker_that_does_not_answer_in_time_is_killed(tmp_path):
    broker = KafkaBroker(tmp_path)
    broker.start_seconds = 0.2
    with pytest.raises(ServiceError, match=r"did not answer within 0.2 s and was killed"):
        broker.start()
    assert not broker.running
