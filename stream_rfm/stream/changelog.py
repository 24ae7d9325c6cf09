"""Reading a partition's changelog back, committed records only, in large batches."""

from __future__ import annotations

import logging
import time
from bisect import bisect_left
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from aiokafka import TopicPartition

from stream_rfm.settings import KafkaSettings
from stream_rfm.stream.reading import reading
from stream_rfm.stream.snapshots import Loaded
from stream_rfm.table.journal import MARKER
from stream_rfm.table.restore import Restore

log = logging.getLogger(__name__)

_FETCH_BYTES = 8 << 20
_RECORDS = 50_000
_SAY_SECONDS = 5.0
_OPTIONS = {
    "auto_offset_reset": "earliest",
    "max_partition_fetch_bytes": _FETCH_BYTES,
    "fetch_max_bytes": 2 * _FETCH_BYTES,
}

_offset = attrgetter("offset")


class Changelog:
    """Reads partitions of one changelog topic."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self._kafka = kafka
        self._topic = topic

    async def read(
        self,
        partition: int,
        end: int,
        recent_from: int | None = None,
        *,
        loaded: Loaded | None = None,
        on_records: Callable[[int], None] = lambda _: None,
        on_position: Callable[[int], None] = lambda _: None,
        stop_at: Callable[[bytes], bool] | None = None,
    ) -> Restore:
        """Read a partition from its beginning up to an end.

        Args:
            partition: which.
            end: the offset to stop at; what is committed below it is read.
            recent_from: an offset; customers written from there on are remembered as recent.
            loaded: a snapshot; what is committed below its offset is not read again.
            on_records: told how many more records have been read.
            on_position: told how far it has come, an offset.
            stop_at: given a marker, says whether to stop behind it.
        """
        restore = Restore(loaded.snapshot if loaded else None)
        begin = loaded.head.offset if loaded else 0
        # Whom Redis does not know yet may have been written before the snapshot.
        start = begin if recent_from is None else min(begin, recent_from)
        if start >= end:
            return restore
        place = TopicPartition(self._topic, partition)
        async with reading(self._kafka, **_OPTIONS) as consumer:
            consumer.assign([place])
            if start:
                consumer.seek(place, start)
            else:
                await consumer.seek_to_beginning(place)
            said = time.monotonic()
            while (position := await consumer.position(place)) < end:
                fetched = await consumer.getmany(place, timeout_ms=500, max_records=_RECORDS)
                records = _between(fetched.get(place, []), 0, end)
                stop = _place_of(stop_at, records) if stop_at is not None else None
                records = records if stop is None else records[: stop + 1]
                restore.add((record.key, record.value) for record in _between(records, begin, end))
                if recent_from is not None:
                    restore.note_recent(record.key for record in _between(records, recent_from, end))
                on_records(len(records))
                on_position(position)
                if stop is not None:
                    break
                if time.monotonic() - said > _SAY_SECONDS:
                    said = time.monotonic()
                    log.info(
                        "reading state back", extra={"partition": partition, "offset": position, "end": end}
                    )
        return restore


def _between(records: list[Any], first: int, end: int) -> list[Any]:
    """Those of ascending offsets that lie between two."""
    low = bisect_left(records, first, key=_offset)
    high = bisect_left(records, end, low, key=_offset)
    return records if high - low == len(records) else records[low:high]


def _place_of(wanted: Callable[[bytes], bool], records: list[Any]) -> int | None:
    """Where the first marker is that is wanted."""
    return next((i for i, each in enumerate(records) if each.key == MARKER and wanted(each.value)), None)
