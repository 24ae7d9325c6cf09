"""A connection to a real Valkey that is kept: an answer belongs to what was asked, whatever happens."""

import asyncio

import pytest
from broker import eventually
from redis import RedisError
from redis.asyncio.connection import ConnectionPool
from redis.exceptions import ResponseError

from stream_rfm.local.ports import free_ports
from stream_rfm.serve.kept_connection import KeptConnection


def packed(*words: bytes) -> bytes:
    said = (b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    return b"*%d\r\n%s" % (len(words), b"".join(said))


@pytest.fixture
async def kept(valkey):
    pool = ConnectionPool.from_url(valkey.url)
    made = KeptConnection(pool, 0.3)
    yield made
    await made.close()
    await pool.aclose()


async def number_of(kept: KeptConnection) -> int:
    [number] = await kept.ask([packed(b"CLIENT", b"ID")])
    return number


async def test_answers_come_in_order_and_what_was_refused_is_one_of_them(kept, redis):
    redis.set("text", "a")
    first, refused, last = await kept.ask(
        [packed(b"ECHO", b"1"), packed(b"INCR", b"text"), packed(b"ECHO", b"3")]
    )
    assert (first, last) == (b"1", b"3")
    assert isinstance(refused, ResponseError)


async def test_it_is_the_same_connection_all_the_time(kept):
    assert await number_of(kept) == await number_of(kept)


async def test_one_that_was_closed_meanwhile_is_made_again(kept, redis):
    number = await number_of(kept)
    assert redis.client_kill_filter(_id=number) == 1
    assert await kept.ask([packed(b"ECHO", b"still")]) == [b"still"]
    assert await number_of(kept) != number


async def test_one_that_is_closed_while_it_is_asked_ends_no_call_and_is_not_left_open(valkey, redis):
    async def close(connection):
        await connection.on_connect()
        await kept.close()

    pool = ConnectionPool.from_url(valkey.url, redis_connect_func=close)
    kept = KeptConnection(pool, 5)

    def there():
        return {client["id"] for client in redis.client_list()}

    before = there()
    assert await kept.ask([packed(b"ECHO", b"1"), packed(b"ECHO", b"2")]) == [b"1", b"2"]
    assert await asyncio.to_thread(eventually, lambda: there() == before)
    await pool.aclose()


async def test_what_comes_too_late_is_no_answer_to_the_next(kept, valkey):
    await number_of(kept)
    valkey.pause()
    try:
        with pytest.raises(TimeoutError):
            await kept.ask([packed(b"ECHO", b"late")])
    finally:
        valkey.resume()
    assert await kept.ask([packed(b"ECHO", b"next")]) == [b"next"]


async def test_nobody_there_is_said_and_so_is_one_who_does_not_let_in(valkey, redis):
    [port] = free_ports(1)
    redis.config_set("requirepass", "right")
    try:
        for url in (f"redis://127.0.0.1:{port}", f"redis://:wrong@{valkey.url.removeprefix('redis://')}"):
            pool = ConnectionPool.from_url(url)
            with pytest.raises(RedisError):
                await KeptConnection(pool, 0.3).ask([packed(b"PING")])
            await pool.aclose()
    finally:
        redis.execute_command("AUTH", "right")
        redis.config_set("requirepass", "")
