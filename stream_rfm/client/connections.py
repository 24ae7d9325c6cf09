"""Connections to Redis that are kept at hand, so that a lookup is little more than its way there and back.

What redis-py's own calls do around each question takes twice as long as the question: a lock and a look at
the socket when a connection is taken from its pool, another lock when it is given back, and layers around
sending and reading (``docs/decisions/0010-redis-cache.md``). They make and close connections, and do all that
does not go straight.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from typing import Any

import hiredis
from redis.connection import AbstractConnection, ConnectionPool

_READ_AT_ONCE = 65_536
_NOT_YET = object()


class _NotStraightError(Exception):
    """An answer that redis-py is to see."""


class Connections:
    """As many connections as questions are asked at the same time; safe to be shared by threads."""

    def __init__(self, pool: ConnectionPool) -> None:
        """Prepare to ask; connects at the first question.

        Args:
            pool: makes connections, and closes them in the end.
        """
        self._pool = pool
        # The pool's own list is behind a lock; to take from this, and to put back, are one step each.
        self._idle: deque[AbstractConnection] = deque()

    def ask(self, *question: str) -> Any:
        """What Redis answers to a command that changes nothing, as it may be asked twice.

        A connection that fails is made anew, and asked once more.

        Raises:
            redis.RedisError: Redis does not answer in time, or refuses to.
        """
        connection: Any = self._taken()  # what it does has no types

        def answer() -> Any:
            connection.send_command(*question)
            return connection.read_response()

        try:
            socket = connection._sock  # noqa: SLF001 - it has no other name
            if socket is not None:
                with suppress(OSError, hiredis.HiredisError, _NotStraightError):
                    return _answer(socket, question)
                # That was the first time.
                connection.disconnect()
                return answer()
            return connection.retry.call_with_retry(answer, connection.disconnect)
        except BaseException:
            # Whoever interrupts it leaves an answer behind that the next question would get.
            connection.disconnect()
            raise
        finally:
            self._idle.append(connection)

    def _taken(self) -> AbstractConnection:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            # After a fork it is its parent's, which goes on asking by it.
            if connection.pid == os.getpid():
                return connection
        made: AbstractConnection = self._pool.get_connection()
        return made


def _answer(socket: Any, question: tuple[str, ...]) -> Any:
    """Ask by a connection on which nothing is under way.

    Raises:
        OSError: it does not answer in time, or is closed.
        hiredis.HiredisError: what it says is no answer.
        _NotStraightError: it is an error, or something that nobody has asked for.
    """
    command: Any = question  # is said to be of one part only
    socket.sendall(hiredis.pack_command(command))
    reader = hiredis.Reader(notEnoughData=_NOT_YET)
    while True:
        said = socket.recv(_READ_AT_ONCE)
        if not said:
            raise ConnectionResetError
        reader.feed(said)
        answer = reader.gets()
        if answer is not _NOT_YET:
            break
    if isinstance(answer, (Exception, hiredis.PushNotification)) or reader.has_data():
        raise _NotStraightError
    return answer
