"""A worker with snapshots, for the tests of what they are made of."""

from pathlib import Path

import numpy as np
from parts import Parts, order

from stream_rfm.model import instant
from stream_rfm.stream.snapshot_writing import SnapshotWriting
from stream_rfm.stream.snapshots import Snapshots
from stream_rfm.stream.writer import now


def keeping(parts: Parts) -> Snapshots:
    """Snapshots of a worker, which it takes over from."""
    settings = parts.settings
    snapshots = Snapshots(
        kafka=settings.kafka,
        app_id=settings.app_id,
        topic=parts.topics.changelog.name,
        data_dir=settings.data_dir,
        metrics=parts.metrics,
    )
    parts.takeover._snapshots = snapshots
    return snapshots


def file_of(parts: Parts) -> Path:
    return parts.settings.data_dir / "snapshots" / parts.topics.changelog.name / "0.snapshot"


def facts(parts: Parts) -> dict[bytes, list[int]]:
    known = parts.lanes[0].partition.store.customers
    # When each was last scored is not among them: a changelog does not say it of everybody.
    names = ("lifetime_orders", "monetary", "segment", "sequence", "revision", "last", "version")
    return {
        known.id_of(row): [row, *(int(getattr(known, name)[row]) for name in names)]
        for row in np.flatnonzero(known.is_somebody()).tolist()
    }


async def worked(parts: Parts, member) -> Snapshots:
    """Some orders, a snapshot, and more orders behind it."""
    snapshots = keeping(parts)
    await parts.take_over(member, 0)
    ts = instant.iso(now() - instant.DAY)
    some = [order(offset, f"c-{name}", ts=ts) for offset, name in enumerate("abc")]
    more = [order(3, "c-b", type="erase"), order(4, "c-d", ts=ts), order(5, "c-a", ts=ts)]
    await parts.count(member, 0, *some)
    await SnapshotWriting(snapshots, parts.writer, 60).stop()
    await parts.count(member, 0, *more)
    assert snapshots.head(0).offset < parts.lanes[0].changelog_end
    return snapshots
