"""Which rights a worker needs, and which of them it lacks, said before anything is scored.

Kafka says of topics what may be done with them. Of a group it only says so once there is one, so that a
request is made that changes nothing and needs the same right. A transactional id is only known to be allowed
when a producer begins with it: see :class:`stream_rfm.stream.transaction.Transactions`.
"""

from __future__ import annotations

from collections.abc import Sequence

from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove
from kafka.errors import GroupAuthorizationFailedError, KafkaError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from stream_rfm.kafka.topics import topics_of
from stream_rfm.settings import KafkaSettings, Settings

NOT_AUTHORIZED = frozenset({29, 31})  # TOPIC_ and CLUSTER_AUTHORIZATION_FAILED
_COORDINATOR_SECONDS = 20.0

#: An operation, a kind of resource, and the resource's name.
Right = tuple[str, str, str]
_OPTIONS = {"Topic": "--topic", "Group": "--group", "TransactionalId": "--transactional-id"}


class RightsError(Exception):
    """Kafka does not let this user do what is needed; the message says what, and how it is granted."""

    @classmethod
    def of(cls, kafka: KafkaSettings, rights: Sequence[Right]) -> RightsError:
        """The error of some rights that are missing."""
        user = kafka.sasl_username or "of this connection"
        listed = [f"{operation} {kind} {name}" for operation, kind, name in rights]
        said = ", ".join(listed[:-1]) + " and " * (len(listed) > 1) + listed[-1]
        example = ", the first for example" if len(rights) > 1 else ""
        return cls(
            f"Kafka's user {user} may not {said}: grant it{example} with `{_grant(kafka, rights[0])}`."
        )


def check_rights(settings: Settings, admin: KafkaAdminClient) -> None:
    """See whether a worker may read and write what it has to; the topics are there.

    Raises:
        RightsError: it may not.
        KafkaError: the broker does not say.
    """
    missing = [*_of_topics(settings, admin), *_of_group(settings, admin)]
    if missing:
        raise RightsError.of(settings.kafka, missing)


def _of_topics(settings: Settings, admin: KafkaAdminClient) -> list[Right]:
    topics = topics_of(settings)
    read = [topics.orders, topics.quantiles, topics.summaries, topics.changelog]
    needed = {
        topic.name: ["READ"] * (topic in read) + ["WRITE"] * (topic is not topics.orders)
        for topic in topics.all()
    }
    return [
        (operation, "Topic", found["name"])
        for found in admin.describe_topics(list(needed))
        # Brokers older than 2.3 do not say.
        if (allowed := found.get("authorized_operations")) is not None
        for operation in needed[found["name"]]
        if operation not in allowed
    ]


def _of_group(settings: Settings, admin: KafkaAdminClient) -> list[Right]:
    group = settings.app_id
    # The coordinator of a cluster's first group is only there after a moment.
    patient = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, KafkaError) and bool(error.retriable)),
        wait=wait_fixed(0.2),
        stop=stop_after_delay(_COORDINATOR_SECONDS),
        reraise=True,
    )
    try:
        # Nobody of that name is a member: nothing is changed.
        patient(admin.remove_group_members, group, [MemberToRemove(member_id="nobody")])
    except GroupAuthorizationFailedError:
        return [("READ", "Group", group)]
    return []


def _grant(kafka: KafkaSettings, right: Right) -> str:
    operation, kind, name = right
    # A worker's transactional id is another one each time.
    pattern = " --resource-pattern-type prefixed" if kind == "TransactionalId" else ""
    return (
        f"kafka-acls.sh --bootstrap-server {kafka.bootstrap_servers} --add "
        f"--allow-principal User:{kafka.sasl_username or '…'} "
        f"--operation {operation.title().replace('_', '')} {_OPTIONS[kind]} {name.removesuffix('*')}{pattern}"
    )
