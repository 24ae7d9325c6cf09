"""Looks customers' segments up in the cache."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import msgpack
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from stream_rfm.client.connections import Connections

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 1000
# As many connections as threads ask at the same time: of itself redis-py makes no more than 100.
_CONNECTIONS = 2**31


class UnreadableError(ValueError):
    """What the cache holds is not what stream-rfm writes."""


@dataclass(frozen=True, slots=True)
class CustomerSegment:
    """What the cache says about a customer.

    Attributes:
        customer_id: whom it is about.
        segment: the segment's name.
        code: the three scores as one text; ``None`` in a segment that has none (``lapsed``, ``prospect``,
            ``unscored``), and so are ``r``, ``f`` and ``m``.
        r: score of recency.
        f: score of frequency.
        m: score of monetary value.
        scored_at: the instant that this was scored at.
        quantiles_version: the version of the cut points that they were found with.
        sequence: how often this customer has changed segment.
        revision: grows with each change of what is said here.
        partition: whose :meth:`SegmentReader.freshness` says how fresh this is.
    """

    customer_id: str
    segment: str
    code: str | None
    r: int | None
    f: int | None
    m: int | None
    scored_at: datetime
    quantiles_version: int
    sequence: int
    revision: int
    partition: int


@dataclass(frozen=True, slots=True)
class Freshness:
    """Up to when answers of a partition are complete.

    A customer's answer is written only when it changes, so that an old one is as fresh as its partition.

    Attributes:
        as_of: the instant that the partition's customers were last scored at.
        committed_at: when the partition last committed what it had counted, or was taken over with that.
        quantiles_version: the version of the cut points that it scores with.
        age: the time from then to the moment of asking.
    """

    as_of: datetime
    committed_at: datetime
    quantiles_version: int
    age: timedelta


class SegmentReader:
    """Reads the cache; safe to be shared by threads. A context manager.

    Every method raises :class:`redis.RedisError` when the cache does not answer in time.
    """

    def __init__(self, url: str, timeout: float = 2.0) -> None:
        """Prepare to read; connects at the first question.

        Args:
            url: ``redis://host:port/0``, as in ``STREAM_RFM_REDIS__URL``.
            timeout: seconds to wait for a connection, and for an answer.

        Raises:
            ValueError: the URL is none.
        """
        # One more try, for a connection that the server has closed while nobody used it.
        retry = Retry(NoBackoff(), 1)
        try:
            self._redis = Redis.from_url(  # a limit in the URL goes before this one
                url,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry=retry,
                max_connections=_CONNECTIONS,
            )
        except ValueError:  # its message may quote a part of the URL, and that part a password
            raise ValueError("It is no URL of a Redis: redis://host:port/0 is one.") from None
        self._connections = Connections(self._redis.connection_pool)

    def get(self, customer_id: str) -> CustomerSegment | None:
        """What is known about a customer; ``None`` when that is nothing.

        Raises:
            UnreadableError: the cache holds something else under this name.
        """
        # As many of one, so that what is no text under this name is no answer, and not an error of Redis'.
        [value] = self._connections.ask("MGET", f"rfm:customer:{customer_id}")
        return None if value is None else _customer_segment(customer_id, value)

    def get_many(self, customer_ids: Iterable[str]) -> dict[str, CustomerSegment | None]:
        """The same for many customers at once, by their ids.

        Raises:
            UnreadableError: the cache holds something else under one of these names.
        """
        wanted = list(dict.fromkeys(customer_ids))
        answers: dict[str, CustomerSegment | None] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            values = self._connections.ask("MGET", *[f"rfm:customer:{customer}" for customer in some])
            for customer, value in zip(some, values, strict=True):
                answers[customer] = None if value is None else _customer_segment(customer, value)
        return answers

    def freshness(self, answer: CustomerSegment) -> Freshness | None:
        """How fresh an answer is; ``None`` when its partition has said nothing yet, or is written anew.

        Raises:
            UnreadableError: the cache holds something else under the partition's name.
        """
        value = self._connections.ask("GET", f"rfm:partition:{answer.partition}")
        return None if value is None else _freshness(value)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def __enter__(self) -> Self:
        """Nothing to do before the first question."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()


def _customer_segment(customer_id: str, value: Any) -> CustomerSegment:
    said = _map(value, "rfm:customer:…")
    try:
        return CustomerSegment(
            customer_id=customer_id,
            segment=said["segment"],
            code=said["code"],
            r=said["r"],
            f=said["f"],
            m=said["m"],
            scored_at=_at(said["scored_at"]),
            quantiles_version=said["quantiles_version"],
            sequence=said["sequence"],
            revision=said["revision"],
            partition=said["partition"],
        )
    except (KeyError, TypeError) as error:
        raise _unreadable("rfm:customer:…", error) from None


def _freshness(value: Any) -> Freshness | None:
    said = _map(value, "rfm:partition:…")
    try:
        if said["committed_at"] == 0:  # not all of its customers are there yet
            return None
        committed_at = _at(said["committed_at"])
        return Freshness(
            as_of=_at(said["as_of"]),
            committed_at=committed_at,
            quantiles_version=said["quantiles_version"],
            age=timedelta(seconds=time.time()) - (committed_at - _EPOCH),
        )
    except (KeyError, TypeError) as error:
        raise _unreadable("rfm:partition:…", error) from None


def _map(value: Any, name: str) -> Mapping[str, Any]:
    try:
        said = msgpack.unpackb(value)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise _unreadable(name, error) from None
    if not isinstance(said, dict):
        raise _unreadable(name, TypeError("no map"))
    return said


def _unreadable(name: str, error: Exception) -> UnreadableError:
    # Without the key, which names a customer.
    return UnreadableError(
        f"The cache's value of a key {name} cannot be read ({type(error).__name__} {error}): does something "
        "else write to this Redis?"
    )


def _at(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
