"""Customers' keys and values as Redis is told them: bulk strings, one behind the other, framed beforehand.

A call has hundreds of them, and to frame each by itself, when it is made, took more than all else that a
call costs (Redis, "RESP protocol specification").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CUSTOMER_KEY = b"rfm:customer:"


@dataclass(frozen=True, slots=True)
class Bulk:
    """Customers to be written.

    Attributes:
        count: how many there are.
        keys: theirs, as bulk strings.
        values: theirs, likewise.
    """

    count: int = 0
    keys: bytes = b""
    values: bytes = b""


def bulk_of(ids: Sequence[bytes], values: Sequence[bytes]) -> Bulk:
    """Customers by their ids, and their values."""
    return Bulk(len(ids), framed(CUSTOMER_KEY + customer for customer in ids), framed(values))


def framed(strings: Iterable[bytes]) -> bytes:
    """Bulk strings, one behind the other."""
    return b"".join([b"$%d\r\n%b\r\n" % (len(each), each) for each in strings])
