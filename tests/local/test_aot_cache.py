import os
from pathlib import Path

from stream_rfm.local.aot_cache import aot_cache, aot_options
from stream_rfm.local.jars import kafka_jars
from stream_rfm.local.training import train


def test_trained_cache_is_used():
    cache = train()
    assert aot_options(kafka_jars())[0] == f"-XX:AOTCache={cache}"


def test_broker_accepts_the_cache(broker):
    mapped = Path(f"/proc/{broker.pid}/maps")
    assert not mapped.parent.parent.exists() or str(aot_cache(kafka_jars())) in mapped.read_text()


def test_cache_older_than_a_jar_is_not_used(tmp_path):
    jar = tmp_path / "some.jar"
    jar.touch()
    cache = aot_cache([jar])
    assert aot_options([jar]) == []
    cache.touch()
    assert aot_options([jar]) != []
    os.utime(jar, (cache.stat().st_atime, cache.stat().st_mtime + 1))
    assert aot_options([jar]) == []
