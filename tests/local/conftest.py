from collections.abc import Iterator

import pytest

from stream_rfm.local.kafka import KafkaBroker
from stream_rfm.local.training import train
from stream_rfm.local.valkey import ValkeyServer


@pytest.fixture(scope="session", autouse=True)
def _faster_starts():
    """Many brokers are started here, so the cache for that pays."""
    train()


@pytest.fixture(scope="session")
def broker(tmp_path_factory) -> Iterator[KafkaBroker]:
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def valkey(tmp_path_factory) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as server:
        yield server
