import json
import signal

import psutil
import pytest
from broker import eventually
from local_probes import create_topic, gone, python, taken
from pydantic import SecretStr
from redis import Redis

from stream_rfm.local.errors import ServiceError
from stream_rfm.local.jvm import OPTIMISED
from stream_rfm.local.named import NamedServices
from stream_rfm.local.services import Endpoints, LocalServices
from stream_rfm.settings import KafkaSettings, RedisSettings, load

SERVICES = """
    import json, sys, time
    from pathlib import Path
    from stream_rfm.local.services import LocalServices
    with LocalServices(Path(sys.argv[1])) as services:
        pids = [service.pid for service in services.own]
        print(json.dumps({"pids": pids, **services.endpoints.environment()}), flush=True)
        time.sleep(600)
"""


def test_two_pairs_run_side_by_side_and_die_with_their_processes(tmp_path):
    with python(SERVICES, tmp_path / "one") as one, python(SERVICES, tmp_path / "other") as other:
        told = [json.loads(process.stdout.readline()) for process in (one, other)]
        for variable in ("STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS", "STREAM_RFM_REDIS__URL"):
            assert told[0][variable] != told[1][variable]
        for pair in told:
            create_topic(pair["STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS"], "same")
            with Redis.from_url(pair["STREAM_RFM_REDIS__URL"]) as client:
                assert client.set("same", "value", nx=True)
        one.kill()
        assert eventually(lambda: all(map(gone, told[0]["pids"])), 5)
        assert not any(map(gone, told[1]["pids"]))
        other.send_signal(signal.SIGTERM)  # which Python does not handle: nothing is stopped by the owner
        assert eventually(lambda: all(map(gone, told[1]["pids"])), 5)


def test_environment_names_both_services_and_nothing_else():
    assert Endpoints("127.0.0.1:1", "redis://127.0.0.1:2/0").environment() == {
        "STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "STREAM_RFM_REDIS__URL": "redis://127.0.0.1:2/0",
    }


def test_endpoints_do_not_show_a_password():
    assert "secret" not in repr(Endpoints("127.0.0.1:1", "redis://:secret@127.0.0.1:2/0"))


def test_defaults_name_nothing(monkeypatch):
    monkeypatch.delenv("STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.delenv("STREAM_RFM_REDIS__URL", raising=False)
    assert NamedServices.of(load()) == NamedServices()


def test_named_services_are_used_and_left_alone(tmp_path, monkeypatch, broker, valkey):
    monkeypatch.setenv("STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    monkeypatch.setenv("STREAM_RFM_REDIS__URL", valkey.url)
    pids = (broker.pid, valkey.pid)
    with LocalServices(tmp_path, NamedServices.of(load())) as services:
        assert services.endpoints == Endpoints(broker.bootstrap_servers, valkey.url)
        assert services.own == []
    assert (broker.pid, valkey.pid) == pids
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_not_named_is_started(tmp_path, broker):
    named = NamedServices(kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    with LocalServices(tmp_path, named) as services:
        assert services.kafka is None
        assert services.endpoints.bootstrap_servers == broker.bootstrap_servers
        with Redis.from_url(services.endpoints.redis_url) as client:
            assert client.ping()


def test_named_kafka_that_does_not_answer_is_an_error(tmp_path):
    with taken() as port:
        pass
    settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}", request_timeout_seconds=0.5)
    with pytest.raises(ServiceError) as failure:
        LocalServices(tmp_path, NamedServices(kafka=settings)).start()
    assert f"Kafka at 127.0.0.1:{port}, named in STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS, does not answer" in str(
        failure.value
    )
    assert list(tmp_path.iterdir()) == []


def test_named_redis_that_does_not_answer_is_an_error_without_its_password(tmp_path):
    with taken() as port:
        pass
    settings = RedisSettings(url=SecretStr(f"redis://:secret@127.0.0.1:{port}/0"))
    reason = "does not answer: .*Connection refused"
    with pytest.raises(ServiceError, match=f"Redis, named in STREAM_RFM_REDIS__URL, {reason}") as failure:
        LocalServices(tmp_path, NamedServices(redis=settings)).start()
    assert "secret" not in str(failure.value)


def test_nothing_is_left_when_one_cannot_be_started(tmp_path):
    with taken() as port:
        services = LocalServices(tmp_path, kafka_port=port)
        with pytest.raises(ServiceError, match="Kafka cannot listen"):
            services.start()
    assert not any(service.running for service in services.own)


def test_long_lived_kafka_is_compiled_as_well_as_can_be(tmp_path):
    with LocalServices(tmp_path, kafka_long_lived=True) as services:
        tiers = [word for word in psutil.Process(services.kafka.pid).cmdline() if "TieredStop" in word]
        assert tiers[-1] == OPTIMISED
        create_topic(services.endpoints.bootstrap_servers, "long")
