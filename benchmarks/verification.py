"""Whether brokers verify transactions: ask the coordinator before they take the first records in a partition.

They do, unless they are told not to. A worker does not need it, and orders wait for it
(``docs/decisions/0018-verified-transactions.md``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kafka.admin import ConfigResource, ConfigResourceType

from stream_rfm.kafka.admin import admin_client
from stream_rfm.settings import KafkaSettings

_NAME = "transaction.partition.verification.enable"


@contextmanager
def without(servers: str) -> Iterator[None]:
    """Have brokers verify nothing for a while."""
    _set(servers, wanted=False)
    try:
        yield
    finally:
        _set(servers, wanted=True)


def _set(servers: str, *, wanted: bool) -> None:
    with admin_client(KafkaSettings(bootstrap_servers=servers)) as admin:
        for broker in admin.describe_cluster()["brokers"]:
            name, value = str(broker["broker_id"]), str(wanted).lower()
            admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, name, {_NAME: value})])
