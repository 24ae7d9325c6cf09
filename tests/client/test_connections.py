import multiprocessing
import signal
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from redis import Redis, ResponseError
from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.exceptions import TimeoutError as LateError
from redis.retry import Retry

from stream_rfm.client.connections import Connections


@pytest.fixture
def connections(deployment):
    url, again = deployment.endpoints.redis_url, Retry(NoBackoff(), 1)
    with Redis.from_url(url, socket_timeout=5, retry=again) as redis:
        yield Connections(redis.connection_pool)


def test_one_question_after_the_other_takes_one_connection(connections):
    assert len({connections.ask("CLIENT", "ID") for _ in range(5)}) == 1


def test_threads_that_ask_at_the_same_time_have_their_own_answers_by_connections_that_are_kept(connections):
    together = Barrier(4)

    def ask(thread: int) -> set[int]:
        together.wait(30)
        for number in range(500):
            said = f"{thread} asks {number}"
            assert connections.ask("ECHO", said) == said.encode()
        return {connections.ask("CLIENT", "ID")}

    with ThreadPoolExecutor(4) as threads:
        first = set().union(*threads.map(ask, range(4)))
        second = set().union(*threads.map(ask, range(4)))
    assert len(first | second) <= 4


def test_connection_that_the_server_has_closed_is_made_anew(connections, deployment):
    before = connections.ask("CLIENT", "ID")
    with Redis.from_url(deployment.endpoints.redis_url) as redis:
        redis.client_kill_filter(_id=before)
    assert connections.ask("CLIENT", "ID") > before


def test_what_is_refused_is_an_error_and_no_answer_to_the_next_question(connections):
    with pytest.raises(ResponseError):
        connections.ask("SET", "only a key")
    assert connections.ask("ECHO", "well?") == b"well?"


def test_only_a_question_that_is_asked_again_takes_the_long_way(connections, deployment, monkeypatch):
    asked, send = [], Connection.send_command

    def sent(connection: Connection, *of: str, **how: bool) -> None:
        asked.append(of)
        send(connection, *of, **how)

    monkeypatch.setattr(Connection, "send_command", sent)
    for said in ("one", "two", "three"):
        assert connections.ask("ECHO", said) == said.encode()
    assert [of for of in asked if of[0] == "ECHO"] == []
    with Redis.from_url(deployment.endpoints.redis_url) as redis:
        redis.client_kill_filter(_id=connections.ask("CLIENT", "ID"))
    assert connections.ask("ECHO", "four") == b"four"
    assert [of for of in asked if of[0] == "ECHO"] == [("ECHO", "four")]


def test_answer_that_comes_in_pieces_is_put_together(connections):
    said = "piece by piece " * 100_000
    for _ in range(3):
        assert connections.ask("ECHO", said) == said.encode()


def test_what_is_said_without_being_asked_is_no_answer(deployment):
    url, again = deployment.endpoints.redis_url, Retry(NoBackoff(), 1)
    with (
        Redis.from_url(url, socket_timeout=5, retry=again, protocol=3) as redis,
        Redis.from_url(url) as other,
    ):
        connections = Connections(redis.connection_pool)
        connections.ask("CLIENT", "TRACKING", "ON")
        other.set("watched", "before")
        assert connections.ask("GET", "watched") == b"before"
        other.set("watched", "after")
        assert connections.ask("GET", "watched") == b"after"


def test_who_does_not_answer_in_time_is_asked_twice_and_said_to_be_late(deployment):
    url, again = deployment.endpoints.redis_url, Retry(NoBackoff(), 1)
    with Redis.from_url(url, socket_timeout=0.3, retry=again) as redis:
        connections = Connections(redis.connection_pool)
        before = connections.ask("CLIENT", "ID")
        with pytest.raises(LateError):
            connections.ask("BLPOP", "nothing", "2")
        assert connections.ask("ECHO", "well?") == b"well?"
        assert connections.ask("CLIENT", "ID") > before + 1


class _EnoughError(BaseException):
    pass


def test_answer_that_nobody_waited_for_is_no_answer_to_the_next_question(connections):
    def enough(*_: object) -> None:
        raise _EnoughError

    before = signal.signal(signal.SIGALRM, enough)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(_EnoughError):
            connections.ask("BLPOP", "nothing", "1")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert connections.ask("ECHO", "well?") == b"well?"


def test_who_was_forked_asks_by_a_connection_of_its_own(connections):
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def ask() -> None:
        theirs.send([connections.ask("CLIENT", "ID") for _ in range(3)])

    before = connections.ask("CLIENT", "ID")
    process = context.Process(target=ask)
    process.start()
    assert ours.poll(30)
    child = set(ours.recv())
    process.join(30)
    assert len(child) == 1
    assert child != {before}
    # It has not closed its parent's when it ended.
    assert connections.ask("CLIENT", "ID") == before
