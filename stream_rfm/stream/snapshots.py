"""Local snapshots of this worker's partitions: which may be used, and which are written.

A snapshot that cannot be used is no fault: its partition is read back from the changelog, as without one
(``docs/decisions/0011-snapshots.md``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from pathlib import Path

from stream_rfm.kafka.topic_identity import TopicIdentity, identity_of
from stream_rfm.model import instant
from stream_rfm.serve.metrics import Metrics
from stream_rfm.settings import KafkaSettings
from stream_rfm.stream.snapshot_files import SnapshotFiles
from stream_rfm.table.marker import read_marker
from stream_rfm.table.restore import ChangelogError
from stream_rfm.table.snapshot import SCHEMA, Head, Snapshot, SnapshotError, decode, encode

log = logging.getLogger(__name__)

# A clock may be set back by so much.
_CLOCK_SLACK = 300 * instant.SECOND
# Above half the time that tombstones stay, one that is needed may soon be gone.
_OF_RETENTION = 2


@dataclass(frozen=True, slots=True)
class Loaded:
    """A snapshot that may be used."""

    head: Head
    snapshot: Snapshot


class Snapshots:
    """Reads and writes the snapshots of one changelog."""

    def __init__(
        self,
        *,
        kafka: KafkaSettings,
        app_id: str,
        topic: str,
        data_dir: Path,
        metrics: Metrics,
    ) -> None:
        """Keep snapshots below a folder.

        Args:
            kafka: where the changelog is.
            app_id: whose state it is.
            topic: the changelog.
            data_dir: where everything is kept that stays on this machine.
            metrics: where to count.
        """
        self._kafka = kafka
        self._app_id = app_id
        self._topic = topic
        self._files = SnapshotFiles(data_dir / "snapshots" / topic)
        self._metrics = metrics
        self._identity: TopicIdentity | None = None
        self._heads: dict[int, Head] = {}
        self._refused: set[int] = set()
        self._failing = False

    @property
    def longest(self) -> int:
        """How old a snapshot may be, in microseconds; 0 where none may be used."""
        known = self._identity
        if known is None or known.topic_id is None:
            return 0
        return known.delete_retention_ms * instant.MILLISECOND // _OF_RETENTION

    def head(self, partition: int) -> Head | None:
        """What the snapshot on the disk is of, where this worker has read or written it."""
        return self._heads.get(partition)

    def age(self, partition: int) -> float | None:
        """Seconds since the snapshot on the disk was the state; ``None`` without one."""
        head = self._heads.get(partition)
        return None if head is None else max(0.0, time.time() - head.settled_at / instant.SECOND)

    async def identify(self) -> None:
        """See which topic the changelog is now."""
        self._identity = await asyncio.to_thread(identity_of, self._kafka, self._topic)
        if self._identity.topic_id is None:
            log.warning("this kafka does not tell topics apart by id: no snapshots are used")

    async def load(self, partition: int, first: int, end: int) -> Loaded | None:
        """The snapshot of a partition, if there is one that may be used.

        Args:
            partition: its number.
            first: the changelog's first offset.
            end: the offset behind the changelog's last record.
        """
        self._heads.pop(partition, None)
        try:
            loaded = await asyncio.to_thread(self._read, partition)
            if loaded is None:
                return None
            self._check(loaded, partition, first, end)
        except SnapshotError as error:
            self.refuse(partition, error)
            return None
        self._refused.discard(partition)
        self._heads[partition] = loaded.head
        return loaded

    def refuse(self, partition: int, error: SnapshotError) -> None:
        """Do without a partition's snapshot, and say why."""
        self._heads.pop(partition, None)
        self._refused.add(partition)
        self._metrics.snapshots_refused.labels(error.reason).inc()
        log.warning(
            "a snapshot is not used; the changelog is read from its beginning",
            extra={
                "partition": partition,
                "reason": error.reason,
                "detail": str(error),
                "file": str(self._files.path(partition)),
            },
        )

    async def save(
        self, partition: int, snapshot: Snapshot, offset: int, settled_at: int, share: float = 1.0
    ) -> None:
        """Write a snapshot; where that fails, the one that was there stays, and it is said once.

        Args:
            partition: its number.
            snapshot: its state.
            offset: the offset behind what of the changelog it holds.
            settled_at: an instant before which nothing was written behind that.
            share: what part of a processor writing may take.
        """
        topic_id = self._identity.topic_id if self._identity else None
        if topic_id is None:
            return
        head = Head(
            app_id=self._app_id,
            topic=self._topic,
            topic_id=topic_id,
            partition=partition,
            offset=offset,
            settled_at=settled_at,
        )
        started = time.monotonic()
        try:
            written = await asyncio.to_thread(
                lambda: self._files.write(
                    head, encode(head, snapshot), replaces_newer=partition in self._refused, share=share
                )
            )
        except OSError as error:
            self._metrics.snapshots.labels("failed").inc()
            if not self._failing:
                self._failing = True
                where = str(self._files.path(partition))
                log.warning(
                    "snapshots cannot be written; scoring goes on, and a restart takes longer",
                    extra={"partition": partition, "reason": error.strerror, "file": where},
                )
            return
        if self._failing:
            self._failing = False
            log.info("snapshots are written again", extra={"partition": partition})
        self._refused.discard(partition)
        self._heads[partition] = head
        self._metrics.snapshots.labels("written" if written else "passed").inc()
        self._metrics.snapshot_seconds.observe(time.monotonic() - started)
        self._metrics.snapshot_bytes.inc(snapshot.nbytes if written else 0)

    async def sweep(self) -> None:
        """Remove files that are too old to be used."""
        if self.longest:
            before = time.time() - self.longest / instant.SECOND
            try:
                await asyncio.to_thread(self._files.sweep, before)
            except OSError as error:
                log.warning("old snapshots cannot be removed", extra={"reason": error.strerror})

    def _read(self, partition: int) -> Loaded | None:
        raw = self._files.read(partition)
        return None if raw is None else Loaded(*decode(raw))

    def _check(self, loaded: Loaded, partition: int, first: int, end: int) -> None:
        head, topic_id = loaded.head, self._identity.topic_id if self._identity else None
        ours = Head(
            schema=SCHEMA,
            app_id=self._app_id,
            topic=self._topic,
            topic_id=topic_id or "",
            partition=partition,
            offset=head.offset,
            settled_at=head.settled_at,
        )
        if head != ours:
            raise SnapshotError("foreign", "it is of another deployment, or of a topic that was made anew")
        self._check_schema(loaded.snapshot)
        age = time.time_ns() // 1000 - head.settled_at
        if not -_CLOCK_SLACK <= age <= self.longest:
            raise SnapshotError("old", f"it is {age // instant.SECOND} s old: tombstones may be gone by now")
        if head.offset > end:
            raise SnapshotError("ahead", f"it goes up to {head.offset}, and the changelog ends at {end}")
        if head.offset < first:
            raise SnapshotError("behind", f"it goes up to {head.offset}, and the changelog begins at {first}")

    def _check_schema(self, snapshot: Snapshot) -> None:
        try:
            read_marker(snapshot.marker)
        except ChangelogError as error:
            raise SnapshotError("schema", str(error)) from None
