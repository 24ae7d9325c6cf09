"""Reading a partition's changelog back, committed records only, in large batches."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

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
        stop_at: Callable[[bytes], bool] = lambda _: False,
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
                records = [record for record in fetched.get(place, []) if record.offset < end]
                stop = next((i for i, r in enumerate(records) if r.key == MARKER and stop_at(r.value)), None)
                records = records if stop is None else records[: stop + 1]
                restore.add((record.key, record.value) for record in records if record.offset >= begin)
                if recent_from is not None:
                    restore.note_recent(record.key for record in records if record.offset >= recent_from)
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
