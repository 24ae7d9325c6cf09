"""Connections to Redis that are kept at hand, so that a lookup is little more than its way there and back.

What redis-py's own calls do around each question takes twice as long as the question: a lock and a look at
the socket when a connection is taken from its pool, another lock when it is given back, and measurements in
between (``docs/decisions/0010-redis-cache.md``).
"""

from __future__ import annotations

import os
from collections import deque
from typing import Any

from redis.connection import AbstractConnection, ConnectionPool


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
        """What Redis answers to a command.

        A connection that fails is made anew, and asked again as often as it was set up to be.

        Raises:
            redis.RedisError: Redis does not answer in time, or refuses to.
        """
        connection: Any = self._taken()  # what it does has no types

        def answer() -> Any:
            connection.send_command(*question)
            return connection.read_response()

        try:
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
