"""Orders of six populations that ask different things of a scorer. Pure, and the same each time.

A workload is a count of events and an instant that they lead up to; it gives keys and JSON values in the
order in which they are to be written.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from stream_rfm.demo import cdnow
from stream_rfm.model import instant

#: A record's key and its value.
Pair = tuple[bytes, bytes]
#: So much of the past do orders come from, up to the instant that they lead up to.
PAST = 30 * instant.DAY
_CHUNK = 50_000
# How far back, in events, what is refunded or sent twice lies at most.
_BACK = 10_000


@dataclass(frozen=True, slots=True)
class Workload:
    """A population: what it is called in tables, and how to make so many events up to an instant."""

    title: str
    make: Callable[[int, int], Iterator[Pair]]


def uniform(count: int, customers: int, until: int, seed: int = 1, *, each: bool = False) -> Iterator[Pair]:
    """Anybody orders as often as anybody else; with ``each`` every customer orders once before that."""
    random = np.random.default_rng(seed)
    who = random.integers(0, customers, count)
    if each:
        known = min(count, customers)
        who[:known] = np.arange(known)
    return _purchases(who, until, random)


def zipf(count: int, customers: int, until: int, exponent: float = 1.1, seed: int = 2) -> Iterator[Pair]:
    """A few order much and most hardly ever: the customer of rank k in proportion to k to the −exponent."""
    random = np.random.default_rng(seed)
    return _purchases(ranks(random, customers, count, exponent), until, random)


def ranks(random: np.random.Generator, customers: int, count: int, exponent: float = 1.1) -> np.ndarray:
    """Whose so many orders are: the ranks of customers, from 0 on, by Zipf's law."""
    weights = np.cumsum(np.arange(1, customers + 1, dtype=float) ** -exponent)
    return np.searchsorted(weights, random.random(count) * weights[-1])


def guest(count: int, customers: int, until: int, seed: int = 3) -> Iterator[Pair]:
    """Half of all orders are of one account, number 0, in which all live who do not sign in."""
    random = np.random.default_rng(seed)
    who = random.integers(1, customers + 1, count)
    who[random.random(count) < 0.5] = 0
    return _purchases(who, until, random)


def once(count: int, until: int, seed: int = 4) -> Iterator[Pair]:
    """Nobody orders twice."""
    return _purchases(np.arange(count), until, np.random.default_rng(seed))


def returns(count: int, customers: int, until: int, seed: int = 5) -> Iterator[Pair]:
    """Of all events 5% are refunds, every second of them with an id of its own, and 5% are sent again."""
    random = np.random.default_rng(seed)
    what = random.random(count)
    what[0] = 1.0
    numbers = np.arange(count)
    purchase = np.maximum.accumulate(np.where(what >= 0.1, numbers, 0))
    before = np.maximum(numbers - random.integers(1, _BACK, count), 0)
    of = np.where(what >= 0.1, numbers, purchase[before])
    who, amount = random.integers(0, customers, count)[of], _amounts(random, count)[of]
    is_refund = what < 0.05
    # What is sent again says again when it happened; a refund happens when it comes.
    at = _instants(until, count)
    texts = _iso(np.where(is_refund, at, at[of]))
    for number, refund, order, customer, paid, ts in zip(
        range(count),
        is_refund.tolist(),
        of.tolist(),
        who.tolist(),
        amount.tolist(),
        texts.tolist(),
        strict=True,
    ):
        if refund:
            own = b'"refund_id":"r-%d",' % number if number % 2 else b""
            yield (
                b"c-%d" % customer,
                b'{"type":"refund",%b"order_id":"o-%d","customer_id":"c-%d","amount":"%.2f","currency":"EUR","ts":"%bZ"}'
                % (own, order, customer, paid / 2, ts),
            )
        else:
            yield b"c-%d" % customer, _order(b"o", order, b"c", customer, paid, ts)


def cdnow_on_repeat(count: int, until: int) -> Iterator[Pair]:
    """CDNOW's orders again and again, of other customers each time, with the last of them at the instant."""
    real = _cdnow()
    shift = until // instant.SECOND * instant.SECOND - cdnow.UNTIL
    texts = _iso(np.array([at for _, _, at, _ in real]) + shift).tolist()
    for number in range(count):
        again, place = divmod(number, len(real))
        customer, order, _, amount = real[place]
        key = b"%d-%b" % (again, customer)
        yield (
            key,
            b'{"type":"order","order_id":"%d-%b","customer_id":"%b","amount":"%b","currency":"EUR","ts":"%bZ"}'
            % (again, order, key, amount, texts[place]),
        )


WORKLOADS = {
    "uniform": Workload("10,000 customers alike", lambda count, until: uniform(count, 10_000, until)),
    "zipf": Workload("1,000,000 customers, Zipf (1.1)", lambda count, until: zipf(count, 1_000_000, until)),
    "guest": Workload("a guest account with half of it", lambda count, until: guest(count, 10_000, until)),
    "once": Workload("one order a customer", once),
    "cdnow": Workload("CDNOW on repeat", cdnow_on_repeat),
    "returns": Workload("5% refunds, 5% sent twice", lambda count, until: returns(count, 10_000, until)),
}


def orders(
    prefix: bytes,
    numbers: Sequence[int],
    names: Sequence[tuple[bytes, int]],
    amounts: Sequence[float],
    at: int,
) -> Iterator[Pair]:
    """Purchases of customers by name and number, all at one instant."""
    [ts] = _iso(np.array([at])).tolist()
    for number, (name, who), amount in zip(numbers, names, amounts, strict=True):
        yield b"%b-%d" % (name, who), _order(prefix, number, name, who, amount, ts)


def _purchases(who: np.ndarray, until: int, random: np.random.Generator) -> Iterator[Pair]:
    """One purchase each, evenly over the past."""
    count = len(who)
    amounts, instants = _amounts(random, count), _instants(until, count)
    for low in range(0, count, _CHUNK):
        part = slice(low, low + _CHUNK)
        customers, texts = who[part].tolist(), _iso(instants[part]).tolist()
        numbers = range(low, low + len(customers))
        for number, customer, amount, ts in zip(
            numbers, customers, amounts[part].tolist(), texts, strict=True
        ):
            yield b"c-%d" % customer, _order(b"o", number, b"c", customer, amount, ts)


def _order(prefix: bytes, number: int, name: bytes, who: int, amount: float, ts: bytes) -> bytes:
    return (
        b'{"type":"order","order_id":"%b-%d","customer_id":"%b-%d","amount":"%.2f","currency":"EUR","ts":"%bZ"}'
        % (prefix, number, name, who, amount, ts)
    )


def _amounts(random: np.random.Generator, count: int) -> np.ndarray:
    return np.round(random.lognormal(3, 1, count), 2)


def _instants(until: int, count: int) -> np.ndarray:
    return until - PAST + np.arange(count) * (PAST // max(count, 1))


def _iso(instants: np.ndarray) -> np.ndarray:
    """Instants as ISO 8601, without the zone."""
    return np.datetime_as_string(instants.astype("datetime64[us]"), unit="s").astype("S19")


@cache
def _cdnow() -> list[tuple[bytes, bytes, int, bytes]]:
    """Customer, order, instant and amount of every order, as they come in the file."""
    with gzip.open(cdnow.FILE, "rt", encoding="utf-8") as lines:
        return [
            (
                row["customer_id"].encode(),
                row["order_id"].encode(),
                instant.parse(row["ts"]),
                row["amount"].encode(),
            )
            for row in csv.DictReader(lines)
        ]
