"""A worker whose user lacks a right says which one and ends; one that loses it while it runs waits for it."""

import json
import re
from dataclasses import replace

import pytest
from broker import Message, eventually, write
from flow import command
from kafka.admin import ACLOperation as Op
from kafka.admin import ResourceType as Kind
from secured import PASSWORD, USER, SecuredBroker
from workers import Worker

from stream_rfm.kafka.admin import KafkaRefusesError, KafkaUnavailableError, admin_client
from stream_rfm.kafka.declare import declare
from stream_rfm.kafka.rights import RightsError, check_rights
from stream_rfm.local.ports import HOST
from stream_rfm.local.services import Endpoints

REFUSED = "the group refuses this worker; joining again"


@pytest.fixture(scope="module")
def broker(services, tmp_path_factory):  # noqa: ARG001 - with which the cache for quick starts is there
    with SecuredBroker(tmp_path_factory.mktemp("secured-kafka")) as own:
        yield own


@pytest.fixture
def there(broker, deployment, choose):
    """The deployment on that broker, whose user may do nothing yet."""
    choose(**broker.kafka_settings, kafka__request_timeout_seconds=3)
    return replace(deployment, endpoints=Endpoints(broker.bootstrap_servers, deployment.endpoints.redis_url))


@pytest.fixture
def needed(there):
    """All that a worker needs whose topics are there."""
    topics = there.topics
    names = [topic.name for topic in topics.all()]
    read = (topics.orders, topics.quantiles, topics.summaries, topics.changelog)
    return [
        *((op, Kind.TOPIC, name) for op in (Op.DESCRIBE, Op.DESCRIBE_CONFIGS) for name in names),
        *((Op.WRITE, Kind.TOPIC, name) for name in names if name != topics.orders.name),
        *((Op.READ, Kind.TOPIC, topic.name) for topic in read),
        (Op.READ, Kind.GROUP, there.settings.app_id),
        (Op.WRITE, Kind.TRANSACTIONAL_ID, f"{there.settings.app_id}-*"),
    ]


@pytest.fixture
def declared(there, broker, choose):
    """The topics, made by somebody who may."""
    plain = {"kafka__security_protocol": "PLAINTEXT", "kafka__sasl_mechanism": "null"}
    choose(kafka__bootstrap_servers=broker.bootstrap_servers, **plain)
    command("topics", "create")
    choose(**broker.kafka_settings)
    return there


@pytest.mark.parametrize(
    ("name", "value"),
    [("password", "s3cret"), ("username", "nobody"), ("mechanism", "SCRAM-SHA-256")],
)
def test_who_the_broker_refuses_is_said_with_the_settings(broker, choose, deployment, name, value):
    choose(**broker.kafka_settings | {f"kafka__sasl_{name}": value}, kafka__request_timeout_seconds=3)
    kafka = deployment.settings.kafka
    with pytest.raises(KafkaRefusesError) as refused, admin_client(kafka):
        pass
    sentence = str(refused.value)
    user = kafka.sasl_username
    assert sentence.startswith(f"Kafka at {kafka.bootstrap_servers} refuses the password of user {user}: ")
    assert f"STREAM_RFM_KAFKA__SASL_{name.upper()}" in sentence
    assert kafka.sasl_password.get_secret_value() not in sentence


def test_a_worker_with_a_wrong_password_says_so_and_ends(broker, choose, tmp_path):
    choose(**broker.kafka_settings | {"kafka__sasl_password": "s3cret"}, kafka__request_timeout_seconds=3)
    with Worker(tmp_path / "worker") as worker:
        assert worker.process.wait(30) == 1
        assert worker.said.splitlines()[-1].startswith(
            f"Kafka at {HOST}:{broker.guarded_port} refuses the pass"
        )
        assert "s3cret" not in worker.said
        assert "Traceback" not in worker.said


def test_a_broker_that_is_not_trusted_is_said_with_what_to_trust(broker, choose, deployment):
    here = f"{HOST}:{broker.encrypted_port}"
    choose(kafka__bootstrap_servers=here, kafka__security_protocol="SSL", kafka__request_timeout_seconds=3)
    with (
        pytest.raises(KafkaUnavailableError, match=f"{here} is not trusted: .*CERTIFICATE.*SSL_CAFILE"),
        admin_client(deployment.settings.kafka),
    ):
        pass
    choose(kafka__ssl_cafile=broker.certificate)
    with admin_client(deployment.settings.kafka) as admin:
        assert admin.list_topics() is not None


def test_topics_that_may_not_be_created_are_named(there, broker):
    first, prefix = min(topic.name for topic in there.topics.all()), there.settings.topics.prefix
    with pytest.raises(
        RightsError, match=rf"user {USER} may not DESCRIBE Topic {re.escape(first)}, DESCRIBE "
    ):
        declare(there.settings)
    broker.grant([(Op.DESCRIBE, Kind.TOPIC, f"{prefix}*")])
    grant = rf"--allow-principal User:{USER} --operation Create --topic {re.escape(first)}`"
    with pytest.raises(
        RightsError, match=rf"may not CREATE Topic {re.escape(first)}, CREATE .* and .*{grant}"
    ):
        declare(there.settings)


def test_each_right_that_is_missing_is_named_with_its_grant(declared, needed, broker):
    topics, group = declared.topics, declared.settings.app_id
    broker.grant(needed)
    checked(declared)
    for operation, kind, name, said in (
        (Op.WRITE, Kind.TOPIC, topics.transitions.name, f"WRITE Topic {topics.transitions.name}"),
        (Op.READ, Kind.TOPIC, topics.orders.name, f"READ Topic {topics.orders.name}"),
        (Op.READ, Kind.GROUP, group, f"READ Group {group}"),
        (
            Op.DESCRIBE_CONFIGS,
            Kind.TOPIC,
            topics.changelog.name,
            f"DESCRIBE_CONFIGS Topic {topics.changelog.name}",
        ),
    ):
        broker.revoke([(operation, kind, name)])
        with pytest.raises(
            RightsError, match=rf"^Kafka's user {USER} may not {re.escape(said)}: grant it with "
        ):
            checked(declared)
        broker.grant([(operation, kind, name)])


def checked(deployment):
    with admin_client(deployment.settings.kafka) as admin:
        declare(deployment.settings, admin)
        check_rights(deployment.settings, admin)


def test_worker_that_may_not_begin_a_transaction_says_so_and_ends(declared, needed, broker, tmp_path):
    mine = f"{declared.settings.app_id}-"
    broker.grant(needed[:-1])
    with Worker(tmp_path / "worker") as worker:
        assert worker.process.wait(30) == 1
        assert "Traceback" not in worker.said
        sentence = worker.said.splitlines()[-1]
    assert sentence.startswith(f"Kafka's user {USER} may not WRITE TransactionalId {mine}*: grant it with ")
    assert f"--operation Write --transactional-id {mine} --resource-pattern-type prefixed`" in sentence


@pytest.mark.usefixtures("declared")
def test_a_worker_that_says_all_says_no_password(needed, broker, tmp_path):
    broker.grant(needed)
    with Worker(tmp_path / "worker", {"STREAM_RFM_LOG_LEVEL": "debug"}) as worker:
        worker.wait_until_ready()
        assert worker.end() == 0
    assert '"DEBUG"' in worker.said
    assert PASSWORD not in worker.said


def test_right_that_goes_while_it_runs_is_waited_for(declared, needed, broker, tmp_path):
    transitions = (Op.WRITE, Kind.TOPIC, declared.topics.transitions.name)
    broker.grant(needed)
    order = {"customer_id": "c-1", "order_id": "o-1", "amount": "1", "ts": "2025-01-01T00:00:00Z"}
    with Worker(tmp_path / "worker") as worker:
        worker.wait_until_ready()
        broker.revoke([transitions])
        write(
            broker.bootstrap_servers,
            declared.topics.orders.name,
            [Message(b"c-1", json.dumps(order).encode())],
        )
        assert eventually(lambda: len(worker.logged("a transaction was not committed")) >= 2, 30)
        reason = worker.logged("a transaction was not committed")[-1]["reason"]
        assert transitions[2] in reason
        assert "Authorization" in reason
        assert worker.running
        broker.grant([transitions])
        assert eventually(lambda: worker.metric("stream_rfm_order_events_total") == 1, 30)
        assert worker.end() == 0


def test_right_on_the_group_that_goes_while_it_runs_is_waited_for(declared, needed, broker, tmp_path, choose):
    choose(kafka__session_timeout_seconds=6)
    group = (Op.READ, Kind.GROUP, declared.settings.app_id)
    broker.grant(needed)
    order = {"customer_id": "c-1", "order_id": "o-1", "amount": "1", "ts": "2025-01-01T00:00:00Z"}
    with Worker(tmp_path / "worker") as worker:
        worker.wait_until_ready()
        broker.revoke([group])
        # It tries again each second, and after a session the group knows it no more.
        assert eventually(lambda: len(worker.logged(REFUSED)) > 8, 60)
        assert "GroupAuthorizationFailedError" in worker.logged(REFUSED)[-1]["reason"]
        write(
            broker.bootstrap_servers,
            declared.topics.orders.name,
            [Message(b"c-1", json.dumps(order).encode())],
        )
        assert worker.running
        broker.grant([group])
        assert eventually(lambda: worker.metric("stream_rfm_order_events_total") == 1, 60)
        assert worker.end() == 0
