"""A real Kafka and a real Valkey that all tests share, and a deployment of its own for each test."""

from __future__ import annotations

import gc
import os
import signal
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

# Before any test: else the plugin imports hypothesis in the summary, at which CPython 3.11 may stumble.
import profiles  # noqa: F401 - how hypothesis runs
import pytest
from deployment import Deployment
from redis import Redis

from stream_rfm.local.services import Endpoints, LocalServices
from stream_rfm.local.training import train
from stream_rfm.settings import PREFIX, variable


def pytest_configure(config: pytest.Config) -> None:
    """Have a run that is told to end say what it has found, as it does at Ctrl-C."""
    if not hasattr(config, "workerinput"):
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what is in no folder: by its name it would be last, and the other half of the run wait."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for cycles once all tests are there, and not among them: they stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def services(tmp_path_factory) -> Iterator[Endpoints]:
    """Where the Kafka and the Valkey of this run are reached."""
    train()
    with LocalServices(tmp_path_factory.mktemp("services")) as started:
        yield started.endpoints


@pytest.fixture
def deployment(services, monkeypatch, tmp_path) -> Deployment:
    """A deployment that meets no other: its own topics, group and data folder, and an empty cache.

    The environment names it, for this process and for those that it starts.
    """
    name = f"t{uuid.uuid4().hex[:8]}"
    environment = services.environment() | {
        variable("app_id"): name,
        variable("topics.prefix"): f"{name}.",
        variable("topics.partitions"): "3",
        variable("metrics_port"): "0",
        variable("http_port"): "0",
        variable("data_dir"): str(tmp_path / "data"),
    }
    for inherited in [key for key in os.environ if key.startswith(PREFIX)]:
        monkeypatch.delenv(inherited)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    with Redis.from_url(services.redis_url) as redis:
        redis.flushdb()
    return Deployment(services, environment)
