"""Declares the topics: creates what is missing, and says what differs on what is there."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from stream_rfm.kafka.admin import admin_client
from stream_rfm.kafka.differences import Found, differences, refusal
from stream_rfm.kafka.rights import NOT_AUTHORIZED, RightsError
from stream_rfm.kafka.topics import Topic, topics_of
from stream_rfm.settings import Settings, variable

_CREATED = 0
_UNKNOWN_TOPIC = 3
_ALREADY_EXISTS = 36
_WAIT_MS = 30_000


class TopicsError(Exception):
    """A topic cannot be created; the message names it, and the reason."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A topic after its declaration.

    Attributes:
        topic: the topic as it has to be.
        created: whether this declaration created it.
        differences: what is otherwise on the topic that is there, each as ``what: is, not should``.
        refusal: why no worker may start with them, and what to do; ``None`` where one may.
    """

    topic: Topic
    created: bool
    differences: tuple[str, ...] = ()
    refusal: str | None = None


def declare(settings: Settings, admin: KafkaAdminClient | None = None) -> list[Declared]:
    """Create the topics that are missing and compare the others; changes none that is there.

    Any number of processes may do so at once. When it returns, every topic can be used.

    Args:
        settings: which topics there are, and where.
        admin: a client to use; one is opened when there is none.

    Raises:
        KafkaUnavailableError: no broker answers.
        RightsError: Kafka does not let this user see or create a topic.
        TopicsError: a topic cannot be created.
        KafkaTimeoutError: a topic has no leader in good time.
    """
    topics = topics_of(settings).all()
    with nullcontext(admin) if admin else admin_client(settings.kafka) as client:
        created = _create_missing(client, topics, settings)
        names = [topic.name for topic in topics]
        client.wait_for_topics(names, timeout_ms=_WAIT_MS)
        found = {topic["name"]: topic["partitions"] for topic in client.describe_topics(names)}
        configs = _configs(client, topics)
        if hidden := [name for name in names if not configs[name]]:
            raise RightsError.of(settings.kafka, [("DESCRIBE_CONFIGS", "Topic", name) for name in hidden])
    return [
        Declared(topic, created=True)
        if topic.name in created
        else _compared(topic, found[topic.name], configs[topic.name], settings)
        for topic in topics
    ]


def _create_missing(admin: KafkaAdminClient, topics: tuple[Topic, ...], settings: Settings) -> set[str]:
    replication = settings.topics.replication
    there = admin.describe_topics([topic.name for topic in topics])
    _must_be_authorized(there, "DESCRIBE", settings)
    missing = {topic["name"] for topic in there if topic["error_code"] == _UNKNOWN_TOPIC}
    if not missing:
        return set()
    wanted = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": replication,
            "configs": topic.configs,
        }
        for topic in topics
        if topic.name in missing
    }
    answer = admin.create_topics(wanted, raise_errors=False)
    _must_be_authorized(answer["topics"], "CREATE", settings)
    created = set()
    for topic in answer["topics"]:
        name, code = topic["name"], topic["error_code"]
        if code == _CREATED:
            created.add(name)
        elif code != _ALREADY_EXISTS:  # another process may have been faster
            reason = str(topic.get("error_message") or f"Kafka's error {code}").rstrip(".")
            raise TopicsError(
                f"Topic {name} cannot be created: {reason}. See {variable('topics.replication')} (it is "
                f"{replication}) and the brokers' own settings."
            )
    return created


def _must_be_authorized(answers: list[dict[str, Any]], operation: str, settings: Settings) -> None:
    refused = sorted(topic["name"] for topic in answers if topic["error_code"] in NOT_AUTHORIZED)
    if refused:
        raise RightsError.of(settings.kafka, [(operation, "Topic", name) for name in refused])


def _configs(admin: KafkaAdminClient, topics: tuple[Topic, ...]) -> dict[str, dict[str, str]]:
    asked = [
        ConfigResource(ConfigResourceType.TOPIC, topic.name, [*topic.configs, *topic.expected])
        for topic in topics
    ]
    answer: dict[str, dict[str, Any]] = admin.describe_configs(asked, config_filter="all")["topic"]
    return {name: {key: entry["value"] for key, entry in entries.items()} for name, entries in answer.items()}


def _compared(
    topic: Topic, partitions: list[dict[str, Any]], configs: dict[str, str], settings: Settings
) -> Declared:
    replicas = min(len(partition["replica_nodes"]) for partition in partitions)
    found = Found(len(partitions), replicas, configs)
    return Declared(
        topic,
        created=False,
        differences=differences(topic, found, settings.topics.replication),
        refusal=refusal(topic, found, settings),
    )
