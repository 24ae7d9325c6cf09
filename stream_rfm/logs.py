"""Logs: one JSON object a line on standard error, quiet, and without customer ids."""

from __future__ import annotations

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

# Libraries that say at "info" what concerns only those who mend them.
_TALKATIVE = ("aiokafka", "faust", "kafka", "mode", "asyncio", "aiohttp")
# These warn of what is normal: of every rebalance, and of every retry (beginning right behind the last
# transaction is one, on Kafka 4).
_ALARMED = ("aiokafka.producer.sender", "aiokafka.consumer.group_coordinator")

# These say at "debug" what they are configured with, and what they send, a password among it.
_TELLING = ("aiokafka.conn", "kafka.admin.client", "kafka.net.connection", "kafka.protocol.parser")

# How the services of Faust begin what they say of themselves.
_SERVICE_MARK = "[^"


# What a library says again within so many seconds is said once.
_QUIET_SECONDS = 10.0
_OURS = "stream_rfm"


class OnceInAWhile(logging.Filter):
    """Lets a library's complaint through once in a while: a broker that is away makes thousands of them."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}
        self._kept_back: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is to be logged; one that is says how many like it were not."""
        if record.name.startswith(_OURS):
            return True
        kind = (record.name, str(record.msg))
        if record.created - self._said.get(kind, -_QUIET_SECONDS) < _QUIET_SECONDS:
            self._kept_back[kind] = self._kept_back.get(kind, 0) + 1
            return False
        self._said[kind] = record.created
        if kept_back := self._kept_back.pop(kind, 0):
            record.kept_back = kept_back
        return True


def _is_ours(record: logging.LogRecord) -> bool:
    return record.levelno > logging.INFO or not str(record.msg).startswith(_SERVICE_MARK)


def configure(level: str) -> None:
    """Log from a level on; the libraries only where something is wrong, and never what may be a password.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            ["asctime", "levelname", "name", "message"],
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    )
    if level != "debug":
        handler.addFilter(_is_ours)
        handler.addFilter(OnceInAWhile())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    for name in _ALARMED:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.ERROR)
    for name in _TELLING:
        logging.getLogger(name).setLevel(logging.INFO if level == "debug" else logging.WARNING)
