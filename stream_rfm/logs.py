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

# How the services of Faust begin what they say of themselves.
_SERVICE_MARK = "[^"


def _is_ours(record: logging.LogRecord) -> bool:
    return record.levelno > logging.INFO or not str(record.msg).startswith(_SERVICE_MARK)


def configure(level: str) -> None:
    """Log from a level on; the libraries only where something is wrong.

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
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    for name in _ALARMED:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.ERROR)
