"""What Redis is asked to do for the cache, a call each.

Every call that writes replaces the value of its partition's key, the *stamp*, and is refused unless Redis
has the stamp of the call before. So whatever came in between is noticed before anything is built on it: a
wipe, also one while all is written anew; an older snapshot or replica that came back; another owner of the
partition; and a call of the last owner that was under way for too long.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from stream_rfm.serve.bulk import CUSTOMER_KEY, framed
from stream_rfm.serve.kept_connection import KeptConnection
from stream_rfm.serve.marks import SCHEMA, Send, Watermark
from stream_rfm.settings import RedisSettings

_PARTITION_KEY = b"rfm:partition:"
# How long partitions that are taken over may wait for Redis, seconds: it only saves writing all of it again.
_HELD_SECONDS = 0.5

# A page of a sweep.
_PAGE = 500

# KEYS: a partition, and customers of it. ARGV: the partition's new stamp; the one that must be there, or
# nothing where none may be; 1 where another deployment's values are replaced; the partition's number; how
# many customers were erased, who come first; the values of the others. An older revision never overwrites a
# newer one, and what cannot be read is no revision. What says another partition was written by another table:
# its revision means nothing here, and whoever has come into that table since is not to be deleted from this
# one. All are read and written together, and where a value ends as ours do, its revision is read without the
# rest: that takes Redis half the time. Who is not there is not compared: 75 new customers a call take Redis
# 176 µs instead of 253.
_WRITE = """
local stamp = redis.pcall('GET', KEYS[1])
if type(stamp) ~= 'string' then stamp = '' end
if stamp ~= ARGV[2] and stamp ~= ARGV[1] then return 0 end
local number, erased = tonumber(ARGV[4]), tonumber(ARGV[5])
local find, sub, unpack_one = string.find, string.sub, cmsgpack.unpack_one
local ending = '\\169partition' .. cmsgpack.pack(number)
local longest = #ending + #'\\168revision' + 5
local function read(value)
  if type(value) ~= 'string' then return {} end
  local done, said = pcall(cmsgpack.unpack, value)
  return done and type(said) == 'table' and said or {}
end
local function is_ours(said)
  return said.partition == nil or said.partition == number
end
local function revision(value)
  if value and sub(value, -#ending) == ending then
    local at = find(value, '\\168revision', -longest, true)
    if at then
      local done, next, found = pcall(unpack_one, value, at + 8)
      if done and next == #value - #ending and type(found) == 'number' then return found end
    end
  end
  local said = read(value)
  return is_ours(said) and type(said.revision) == 'number' and said.revision or -1
end
for i = 2, erased + 1 do
  if is_ours(read(redis.pcall('GET', KEYS[i]))) then redis.call('DEL', KEYS[i]) end
end
local written = {KEYS[1], ARGV[1]}
if #KEYS > erased + 1 then
  local held = redis.call('MGET', unpack(KEYS, erased + 2))
  for i = 1, #KEYS - erased - 1 do
    local value = ARGV[i + 5]
    if ARGV[3] == '1' or not held[i] or revision(held[i]) <= revision(value) then
      written[#written + 1] = KEYS[erased + 1 + i]
      written[#written + 1] = value
    end
  end
end
redis.call('MSET', unpack(written))
return 1
"""
_WRITE_DIGEST = hashlib.sha1(_WRITE.encode(), usedforsecurity=False).hexdigest().encode()


class _Customer(msgspec.Struct):
    """What a sweep reads of a customer's value."""

    partition: int


_read_customer = msgspec.msgpack.Decoder(_Customer).decode


@dataclass(frozen=True, slots=True)
class Held:
    """What Redis says of a partition.

    Attributes:
        value: the stamp, in bytes.
        watermark: what it says; ``None`` if it cannot be read, or is of another schema.
    """

    value: bytes
    watermark: Watermark | None


class RedisCalls:
    """The calls; each raises :class:`redis.RedisError` or :class:`OSError` when Redis does not do it."""

    def __init__(self, settings: RedisSettings) -> None:
        """Prepare to call.

        Args:
            settings: where Redis is and how long to wait for it.
        """
        seconds = settings.timeout_seconds
        self._redis = Redis.from_url(
            settings.url.get_secret_value(),
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
        )
        self._writing = KeptConnection(self._redis.connection_pool, seconds)

    async def write(self, calls: Sequence[tuple[Send, bytes]]) -> list[bool]:
        """Write customers and their partitions' stamps, on one way to Redis and back.

        Args:
            calls: of different partitions, the customers and the stamp, and the stamp that must be there;
                none may be where that is empty.

        Returns:
            For each whether that was done: nothing was if another stamp is there.
        """
        done = await self._run(calls)
        if any(isinstance(each, NoScriptError) for each in done):
            await self._redis.script_load(_WRITE)
            # Who was written finds the own stamp.
            done = await self._run(calls)
        for each in done:
            if isinstance(each, Exception):
                raise each
        return [bool(each) for each in done]

    async def _run(self, calls: Sequence[tuple[Send, bytes]]) -> list[Any]:
        """What Redis answers to each, an error where it did not do it."""
        # Not by way of a pipeline of the client: that packs each argument by itself, in Python.
        return await self._writing.ask([_packed(send, expected) for send, expected in calls])

    async def values(self, partition: int, keys: list[bytes]) -> tuple[bytes | None, list[bytes | None]]:
        """A partition's stamp, and the values of some keys at the same instant."""
        stamp, *values = await self._many([_key(partition), *keys])
        return stamp, values

    async def stamps(self, partitions: list[int]) -> list[bytes | None]:
        """The stamps of partitions."""
        return await self._many([_key(number) for number in partitions])

    async def customers(self, cursor: int) -> tuple[int, list[tuple[bytes, int]]]:
        """A page of all customers.

        Args:
            cursor: where to go on; 0 to begin.

        Returns:
            Where to go on, 0 at the end, and of the customers whose values can be read their ids and the
            partitions that they say they are in.
        """
        page: tuple[int, list[Any]] = await self._redis.scan(cursor, match=CUSTOMER_KEY + b"*", count=_PAGE)
        cursor, keys = page
        values = await self._many(keys) if keys else []
        return cursor, list(_partitions_of(keys, values))

    async def server(self) -> str:
        """Which process this is: the cursor of one is nothing to another."""
        said = await self._redis.info("server")
        return str(said["run_id"])

    async def held(self, partitions: list[int]) -> dict[int, Held]:
        """What Redis says that it holds of partitions; nothing where it does not say so at once."""
        if not partitions:
            return {}
        try:
            async with asyncio.timeout(_HELD_SECONDS):
                stamps = await self.stamps(partitions)
        except (RedisError, OSError):  # TimeoutError is one, too
            return {}
        return {n: held_by(stamp) for n, stamp in zip(partitions, stamps, strict=True) if stamp is not None}

    async def _many(self, keys: list[bytes]) -> list[bytes | None]:
        values: list[Any] = await self._redis.mget(keys)
        return values

    async def hang_up(self) -> None:
        """Have what is asked next go by new connections.

        Behind the address there may be another server by now, while the one that these lead to goes on to
        answer, as a replica that takes nothing.
        """
        await self._writing.close()
        with suppress(RedisError, OSError):
            # Not those by which something is being asked.
            await self._redis.connection_pool.disconnect(inuse_connections=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._writing.close()
        await self._redis.aclose()


def end_if_cancelled() -> None:
    """Be cancelled after all: a call that is cancelled while it fails may only say that it failed.

    Raises:
        CancelledError: this task was cancelled.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def held_by(value: bytes) -> Held:
    """Read what a partition's key says."""
    try:
        said = msgspec.msgpack.decode(value, type=Watermark)
    except (msgspec.DecodeError, ValueError):
        return Held(value, None)
    return Held(value, said if said.schema == SCHEMA else None)


def _packed(send: Send, expected: bytes) -> bytes:
    keys, erased = 1 + send.count, [CUSTOMER_KEY + customer for customer in send.erased]
    arguments = (send.stamp, expected, b"%d" % send.replaces, b"%d" % send.partition, b"%d" % len(erased))
    size = 3 + keys + len(arguments) + send.customers.count
    said = (b"EVALSHA", _WRITE_DIGEST, b"%d" % keys, _key(send.partition), *erased)
    return b"".join(
        (b"*%d\r\n" % size, framed(said), send.customers.keys, framed(arguments), send.customers.values)
    )


def _partitions_of(keys: list[bytes], values: list[bytes | None]) -> Iterator[tuple[bytes, int]]:
    for key, value in zip(keys, values, strict=True):
        # What cannot be read is not ours, or gone meanwhile.
        with suppress(msgspec.DecodeError, ValueError):
            yield key.removeprefix(CUSTOMER_KEY), _read_customer(value or b"").partition


def _key(partition: int) -> bytes:
    return _PARTITION_KEY + str(partition).encode()
