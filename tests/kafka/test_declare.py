import threading
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from stream_rfm.kafka.admin import KafkaUnavailableError, admin_client, partitions_of
from stream_rfm.kafka.declare import TopicsError, declare


@pytest.fixture
def admin(services):
    with KafkaAdminClient(bootstrap_servers=services.bootstrap_servers) as admin:
        yield admin


def configs(admin, topic):
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic)]
    found = admin.describe_configs(asked, config_filter="all")["topic"][topic]
    return {name: entry["value"] for name, entry in found.items()}


def test_every_missing_topic_is_created_as_it_has_to_be(deployment, admin):
    topics = deployment.topics.all()
    declared = declare(deployment.settings, admin)
    assert [each.topic for each in declared] == list(topics)
    assert all(each.created and not each.differences and not each.refusal for each in declared)
    for topic in topics:
        assert partitions_of(admin, topic.name) == topic.partitions
        assert topic.configs.items() <= configs(admin, topic.name).items()


def test_declaring_again_finds_nothing_to_say(deployment):
    declare(deployment.settings)
    assert not any(each.created or each.differences or each.refusal for each in declare(deployment.settings))


def test_only_what_is_missing_is_created_and_what_differs_is_said_but_not_changed(deployment, admin):
    orders, transitions = deployment.topics.orders.name, deployment.topics.transitions.name
    compacted = {"cleanup.policy": "compact"}
    admin.create_topics(
        {
            orders: {"num_partitions": 1, "replication_factor": 1},
            transitions: {"num_partitions": 3, "replication_factor": 1, "configs": compacted},
        }
    )
    by_topic = {each.topic.name: each for each in declare(deployment.settings, admin)}
    assert by_topic[orders].differences == ("partitions: 1, not 3",)
    assert "1 partitions, not 3" in by_topic[orders].refusal
    assert by_topic[transitions].differences == ("cleanup.policy: compact, not delete",)
    assert by_topic[transitions].refusal is None
    assert {topic for topic, each in by_topic.items() if not each.created} == {orders, transitions}
    assert partitions_of(admin, orders) == 1
    assert configs(admin, transitions)["cleanup.policy"] == "compact"


def test_order_of_cleanup_policies_is_no_difference(deployment, admin):
    quantiles = deployment.topics.quantiles
    assert quantiles.configs["cleanup.policy"] == "compact,delete"
    declare(deployment.settings, admin)
    turned = ConfigResource(ConfigResourceType.TOPIC, quantiles.name, {"cleanup.policy": "delete,compact"})
    admin.alter_configs([turned])
    assert not any(each.differences for each in declare(deployment.settings, admin))


def test_several_at_once_create_every_topic_once(deployment):
    at_once = 4
    barrier = Barrier(at_once)

    def run(_):
        with admin_client(deployment.settings.kafka) as admin:
            barrier.wait()
            return declare(deployment.settings, admin)

    with ThreadPoolExecutor(at_once) as threads:
        declared = [each for some in threads.map(run, range(at_once)) for each in some]
    created = [each.topic.name for each in declared if each.created]
    assert sorted(created) == sorted(topic.name for topic in deployment.topics.all())
    assert not any(each.differences for each in declared)


def test_topic_that_cannot_be_created_is_named_with_the_reason(deployment):
    settings = deployment.settings_with(topics={"replication": 3, "prefix": "three."})
    with pytest.raises(
        TopicsError, match=r"three\.\S+ cannot be created: .*replication.*TOPICS__REPLICATION"
    ):
        declare(settings)


def test_no_broker_is_said_in_a_sentence(deployment):
    before = set(threading.enumerate())
    settings = deployment.settings_with(
        kafka={"bootstrap_servers": "127.0.0.1:1", "request_timeout_seconds": 0.3}
    )
    with pytest.raises(
        KafkaUnavailableError, match=r"Kafka at 127\.0\.0\.1:1 does not answer: .*REFUSED.*BOOTSTRAP_SERVERS"
    ):
        declare(settings)
    assert set(threading.enumerate()) <= before


def test_asking_for_partitions_creates_no_topic(admin):
    assert partitions_of(admin, "missing") is None
    assert "missing" not in admin.list_topics()
