"""The last record of a partition that somebody wants, found from its end backwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

# Mostly it stands near the end; what is behind it was aborted, or is of no interest.
_TAIL = 64
_FURTHER = 16
_FETCH_MS = 500


async def last_record(
    consumer: AIOKafkaConsumer,
    place: TopicPartition,
    first: int,
    end: int,
    wanted: Callable[[Any], bool],
) -> Any | None:
    """Find a record.

    Args:
        consumer: reads it; the place is its only assignment afterwards.
        place: which partition.
        first: the offset to go back to at most.
        end: the offset to start from, backwards.
        wanted: says whether a record is meant.

    Returns:
        The last record that is wanted; ``None`` where there is none.
    """
    consumer.assign([place])
    back = _TAIL
    while first < end:
        start = max(first, end - back)
        found: Any | None = None
        consumer.seek(place, start)
        while await consumer.position(place) < end:
            fetched = await consumer.getmany(place, timeout_ms=_FETCH_MS)
            for record in fetched.get(place, ()):
                found = record if record.offset < end and wanted(record) else found
        if found is not None or start == first:
            return found
        back *= _FURTHER
    return None
