"""Records as they are fetched: written into a record batch by aiokafka, and taken apart again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from stream_rfm.intake import kernels
from stream_rfm.intake.run import Run
from stream_rfm.stream.fetched import Fetched, run_of

kernels.load()


def batch_of(records: Sequence[Any], compression: int = 0, base: int = 0) -> bytes:
    """A record batch, with records counted from an offset."""
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, 1 << 30)
    for place, record in enumerate(records):
        headers = list(record.headers or [])
        assert builder.append(place, record.timestamp, record.key, record.value, headers)
    data = builder.build()
    data[:8] = base.to_bytes(8)
    return bytes(data)


def fetched(data: bytes) -> list[Any]:
    """The batches in what was fetched."""
    found = Fetched(data, whole=True)
    batches = []
    while found.has_next():
        batches.append(found.next_batch())
    return batches


def run(records: Sequence[Any]) -> Run:
    """Records at successive places, in columns."""
    found = run_of(fetched(batch_of(records, base=records[0].offset)))
    assert isinstance(found, Run)
    return found
