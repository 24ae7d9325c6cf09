"""A database of a Redis that others use as well, for one run alone.

The names of keys are the same in every deployment, so that two of them in one database would overwrite each
other's segments. A run therefore takes the first database that holds none and that no other run has, and
leaves it as it found it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis import Redis, ResponseError

from stream_rfm.demo.errors import DemoError
from stream_rfm.settings import RedisSettings, variable

_CLAIM = "rfm:demo"
# Every deployment has a partition of this number, and says in Redis how far that has come.
_OTHERS = "rfm:partition:0"
_OURS = "rfm:*"
# As many as a server has that nobody configured.
_DATABASES = 16
_AT_ONCE = 1000


@contextmanager
def own_database(settings: RedisSettings) -> Iterator[str]:
    """Take a database, and remove afterwards what was written there.

    Args:
        settings: where the server is; the database that they name is tried first.

    Yields:
        The URL of the database.

    Raises:
        DemoError: none is free.
        RedisError: the server does not answer.
    """
    url = settings.url.get_secret_value()
    seconds = settings.timeout_seconds
    for candidate in dict.fromkeys([url, *(_with_database(url, number) for number in range(_DATABASES))]):
        with Redis.from_url(candidate, socket_timeout=seconds, socket_connect_timeout=seconds) as redis:
            if not _taken(redis):
                continue
            try:
                yield candidate
            finally:
                _clear(redis)
            return
    raise DemoError(
        f"The Redis named in {variable('redis.url')} has no database without another deployment's segments: "
        "name another Redis, or do without this setting to have one started here."
    )


def _taken(redis: Redis) -> bool:
    """Take a database if it is free; says whether it was."""
    try:
        if not redis.set(_CLAIM, "", nx=True):
            return False
    except ResponseError:  # the server has fewer, or only one, as a cluster has
        return False
    if redis.exists(_OTHERS):
        redis.delete(_CLAIM)
        return False
    return True


def _clear(redis: Redis) -> None:
    keys: list[bytes] = []
    for key in redis.scan_iter(match=_OURS, count=_AT_ONCE):
        keys.append(key)
        if len(keys) == _AT_ONCE:
            redis.delete(*keys)
            keys.clear()
    redis.delete(_CLAIM, *keys)


def _with_database(url: str, number: int) -> str:
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "db"]
    if parts.scheme == "unix":  # whose path is the socket
        return f"{url.partition('?')[0]}?{urlencode([*query, ('db', str(number))])}"
    return urlunsplit(parts._replace(path=f"/{number}", query=urlencode(query)))
