"""A snapshot is of one commit, and is written beside the scoring, where there is room."""

import asyncio
import logging
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from parts import order, parts_of
from snapshot_parts import facts, keeping

from stream_rfm.stream.snapshot_files import SnapshotFiles
from stream_rfm.stream.snapshot_writing import SnapshotWriting
from stream_rfm.table.snapshot import decode


async def test_state_that_is_not_committed_is_not_copied(declared, member):
    async with parts_of(declared.settings) as parts:
        snapshots = keeping(parts)
        writing = SnapshotWriting(snapshots, parts.writer, 60)
        await parts.take_over(member, 0)
        await writing.stop()
        assert snapshots.head(0) is None, "there is no state yet"
        await parts.count(member, 0, order(0, "c-a"))
        await parts.transactions.stop()
        await parts.count(member, 0, order(1, "c-b"))
        assert parts.failures == 1
        await writing.stop()
        assert snapshots.head(0) is None
        await parts.transactions.start()


@contextmanager
def full_disk(folder: Path):
    """No room for a snapshot: a file system of kilobytes, or, where none may be made, small files only."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder]
    if not folder.is_mount() and subprocess.run(mount, check=False, capture_output=True).returncode:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    else:
        (folder / "filler").write_bytes(b"")
        with suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
            while filler.write(bytes(1024)):
                pass
        try:
            yield
        finally:
            (folder / "filler").unlink()


@pytest.fixture
def small(tmp_path) -> Iterator[Path]:
    """A folder that :func:`full_disk` may put a file system on."""
    yield tmp_path / "small"
    if os.path.ismount(tmp_path / "small"):
        subprocess.run(["umount", tmp_path / "small"], check=True)


async def test_a_full_disk_is_said_once_and_the_old_snapshot_stays(declared, member, caplog, small):
    async with parts_of(declared.settings) as parts:
        snapshots = keeping(parts)
        snapshots._files = SnapshotFiles(small / "snapshots")
        writing = SnapshotWriting(snapshots, parts.writer, 60)
        await parts.take_over(member, 0)
        await parts.count(member, 0, order(0, "c-a"))
        with caplog.at_level(logging.INFO, "stream_rfm"):
            with full_disk(small):
                await writing.stop()
                await parts.count(member, 0, order(1, "c-b"))
                await writing.stop()
                assert snapshots.head(0) is None
            assert parts.value("stream_rfm_snapshots_total", result="failed") == 2
            [entry] = [each for each in caplog.records if "cannot be written" in each.message]
            assert entry.reason in {"No space left on device", "File too large"}
            await writing.stop()
            old = decode(snapshots._files.read(0))[0]
            assert old.offset == parts.lanes[0].changelog_end
        assert [each.message for each in caplog.records][-1] == "snapshots are written again"
        await parts.count(member, 0, order(2, "c-c"))
        with full_disk(small):
            await writing.stop()
        assert decode(snapshots._files.read(0))[0] == snapshots.head(0) == old
        assert len(facts(parts)) == 3


async def test_it_is_written_when_enough_was_written_and_not_before(declared, member, monkeypatch):
    monkeypatch.setattr("stream_rfm.stream.snapshot_writing._FEW_RECORDS", 10)
    async with parts_of(declared.settings) as parts:
        snapshots = keeping(parts)
        running = asyncio.create_task(SnapshotWriting(snapshots, parts.writer, 0.05).run())
        await parts.take_over(member, 0)
        await parts.count(member, 0, order(0, "c-a"))

        async def reaches(offset):
            async with asyncio.timeout(10):
                while (head := snapshots.head(0)) is None or head.offset < offset:  # noqa: ASYNC110 - polled
                    await asyncio.sleep(0.02)

        await reaches(first := parts.lanes[0].changelog_end)
        await parts.count(member, 0, order(1, "c-b"))
        await asyncio.sleep(0.3)
        assert snapshots.head(0).offset == first
        await parts.count(member, 0, *(order(n, f"c-{n}") for n in range(2, 12)))
        await reaches(parts.lanes[0].changelog_end)
        assert 0 <= snapshots.age(0) < 20
        running.cancel()


async def test_one_partition_is_copied_at_a_time(declared, member, monkeypatch):
    async with parts_of(declared.settings) as parts:
        snapshots = keeping(parts)
        await parts.take_over(member, 0, 1)
        for partition in (0, 1):
            await parts.count(member, partition, order(0, "c-a"))

        async def written(count: int, look_seconds: float) -> list[int]:
            monkeypatch.setattr("stream_rfm.stream.snapshot_writing._LOOK_SECONDS", look_seconds)
            writing = SnapshotWriting(snapshots, parts.writer, 600)
            running = asyncio.create_task(writing.run())
            async with asyncio.timeout(10):
                while sum(snapshots.head(each) is not None for each in (0, 1)) < count:  # noqa: ASYNC110 - polled
                    await asyncio.sleep(0.02)
            running.cancel()
            return [each for each in (0, 1) if snapshots.head(each) is not None]

        assert len(await written(1, 1.0)) == 1
        assert await written(2, 0.01) == [0, 1]
