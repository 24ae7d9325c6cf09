import asyncio
from contextlib import suppress

import pytest
from redis import Redis

from stream_rfm.local.valkey import ValkeyServer
from stream_rfm.serve import cache as caching
from stream_rfm.serve import stamped
from stream_rfm.serve.cache import SegmentCache
from stream_rfm.serve.metrics import Metrics
from stream_rfm.settings import RedisSettings


@pytest.fixture(scope="module")
def valkey(tmp_path_factory):
    with ValkeyServer(tmp_path_factory.mktemp("own-valkey")) as server:
        yield server


@pytest.fixture
def redis(valkey):
    with Redis.from_url(valkey.url) as client:
        client.flushall()
        yield client


@pytest.fixture
async def made(valkey, monkeypatch):
    """Makes caches that run, of one deployment each."""
    monkeypatch.setattr(caching, "_LOOK_SECONDS", 0.2)
    monkeypatch.setattr(stamped, "_REFUSED_PAUSE", 0.05)
    running = []

    def make(app_id="shop", sample_seconds=0, url=valkey.url):
        settings = RedisSettings(url=url, timeout_seconds=0.3, sample_seconds=sample_seconds)
        cache = SegmentCache(settings, app_id, Metrics(), lambda: None)
        running.append((cache, asyncio.create_task(cache.run())))
        return cache

    yield make
    for cache, task in running:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await cache.close()
