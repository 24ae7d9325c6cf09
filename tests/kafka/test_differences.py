import pytest

from stream_rfm.kafka.differences import Found, differences, refusal
from stream_rfm.kafka.topics import topics_of
from stream_rfm.settings import load

SETTINGS = load(kafka={"bootstrap_servers": "kafka:9092"}, topics={"prefix": "shop.", "partitions": 4})
TOPICS = {topic.name.removeprefix("shop."): topic for topic in topics_of(SETTINGS).all()}
CHANGELOG = "stream-rfm-customers-changelog"


def found(topic, partitions=None, replicas=1, **configs):
    """A topic as it has to be, but for some settings, whose dots are underscores here."""
    said = {key.replace("_", "."): value for key, value in configs.items()}
    return Found(partitions or topic.partitions, replicas, {**topic.configs, **topic.expected, **said})


@pytest.mark.parametrize("name", TOPICS)
def test_topic_as_it_has_to_be_differs_in_nothing(name):
    topic = TOPICS[name]
    assert differences(topic, found(topic), 1) == ()
    assert refusal(topic, found(topic), SETTINGS) is None


@pytest.mark.parametrize(
    ("name", "configs"),
    [
        (
            CHANGELOG,
            {"max_message_bytes": "20000000", "segment_bytes": "1000", "min_compaction_lag_ms": "700000"},
        ),
        (CHANGELOG, {"max_compaction_lag_ms": "700000", "min_cleanable_dirty_ratio": "0.25"}),
        ("orders", {"retention_ms": "-1"}),
        ("rfm-quantiles", {"cleanup_policy": "delete,compact", "retention_ms": "-1"}),
    ],
)
def test_more_than_is_needed_is_no_difference(name, configs):
    topic = TOPICS[name]
    assert differences(topic, found(topic, **configs), 1) == ()


@pytest.mark.parametrize(
    ("name", "configs", "said"),
    [
        (
            "customer-segments",
            {"cleanup_policy": "compact,delete"},
            "cleanup.policy: compact,delete, not compact",
        ),
        ("segment-transitions", {"cleanup_policy": "compact"}, "cleanup.policy: compact, not delete"),
        ("orders", {"retention_ms": "3600000"}, "retention.ms: 3600000, not 86400000 or more"),
        ("rfm-quantiles", {"retention_ms": "60000"}, "retention.ms: 60000, not 7776000000 or more"),
        (CHANGELOG, {"segment_bytes": "134217728"}, "segment.bytes: 134217728, not 33554432 or less"),
        (
            CHANGELOG,
            {"min_cleanable_dirty_ratio": "0.5"},
            "min.cleanable.dirty.ratio: 0.5, not 0.3 or less",
        ),
        (
            CHANGELOG,
            {"max_compaction_lag_ms": "9223372036854775807"},
            "max.compaction.lag.ms: 9223372036854775807, not 3600000 or less",
        ),
    ],
)
def test_what_a_worker_can_live_with_is_said_and_refuses_nothing(name, configs, said):
    topic = TOPICS[name]
    assert differences(topic, found(topic, **configs), 1) == (said,)
    assert refusal(topic, found(topic, **configs), SETTINGS) is None


@pytest.mark.parametrize(
    ("name", "key", "value", "harm"),
    [
        (CHANGELOG, "cleanup.policy", "delete", "the state of customers would be deleted"),
        (CHANGELOG, "cleanup.policy", "compact,delete", "the state of customers would be deleted"),
        (CHANGELOG, "max.message.bytes", "1048588", "would stop its partition"),
        ("rfm-partition-summaries", "max.message.bytes", "1048588", "would stop its partition"),
        ("orders", "cleanup.policy", "compact", "compacted away before they are counted"),
        ("orders-dead-letters", "cleanup.policy", "compact", "without a key would be refused"),
    ],
)
def test_what_would_lose_or_stop_something_refuses_with_the_command_that_helps(name, key, value, harm):
    topic = TOPICS[name]
    sentence = refusal(topic, found(topic, **{key.replace(".", "_"): value}), SETTINGS)
    assert sentence.startswith(f"Topic {topic.name} has {key}: {value}, not ")
    assert harm in sentence
    assert (
        f"`kafka-configs.sh --bootstrap-server kafka:9092 --alter --topic {topic.name} "
        f"--add-config {key}={topic.configs[key]}`"
    ) in sentence


def test_another_number_of_partitions_names_the_setting():
    topic = TOPICS["orders"]
    sentence = refusal(topic, found(topic, partitions=5), SETTINGS)
    assert "shop.orders has 5 partitions, not 4" in sentence
    assert "STREAM_RFM_TOPICS__PARTITIONS" in sentence
    assert differences(topic, found(topic, partitions=5), 1) == ("partitions: 5, not 4",)


def test_replicas_and_those_in_sync_are_looked_at_in_production():
    three = load(topics={"replication": 3})
    topic = topics_of(three).changelog
    assert topic.configs["min.insync.replicas"] == "2"
    assert differences(topic, found(topic, replicas=2, min_insync_replicas="1"), 3) == (
        "replication: 2, not 3",
        "min.insync.replicas: 1, not 2 or more",
    )
    assert "min.insync.replicas" not in TOPICS["orders"].configs
