"""A file is there as a whole or not at all, and none stays for ever."""

import time
from contextlib import suppress

import msgspec
import pytest
from scorer import GRID

from stream_rfm.model.rules import Rules
from stream_rfm.stream.snapshot_files import SnapshotFiles
from stream_rfm.table.clock import Clock
from stream_rfm.table.partition import Partition
from stream_rfm.table.snapshot import Head, Snapshot, decode, encode

HOUR = 3_600_000_000


def _empty() -> Snapshot:
    """Of a partition without customers."""
    partition = Partition(0, Rules(GRID), Clock("wall", HOUR))
    partition.records([])
    return partition.snapshot()


_EMPTY = _empty()
HEAD = Head(app_id="a", topic="t", topic_id="i", partition=0, offset=5, settled_at=1)


class TestFiles:
    @pytest.fixture
    def files(self, tmp_path):
        return SnapshotFiles(tmp_path / "snapshots" / "t")

    def test_one_that_goes_further_stays_where_it_is_of_the_same_topic(self, files):
        def write(offset, topic_id="i", **options):
            head = msgspec.structs.replace(HEAD, offset=offset, topic_id=topic_id)
            return files.write(head, encode(head, _EMPTY), **options)

        assert write(9)
        assert not write(7)
        assert decode(files.read(0))[0].offset == 9
        assert write(7, replaces_newer=True)
        assert write(6, "another")
        assert decode(files.read(0))[0] == msgspec.structs.replace(HEAD, offset=6, topic_id="another")

    def test_old_files_go_and_what_is_not_ours_stays(self, files):
        files.sweep(time.time())
        files.write(HEAD, encode(HEAD, _EMPTY))
        for name in ("1.abc.unfinished", "notes.txt"):
            (files.path(0).parent / name).write_bytes(b"")
        files.sweep(time.time() - 60)
        assert files.read(0) is not None
        files.sweep(time.time() + 60)
        assert [each.name for each in files.path(0).parent.iterdir()] == ["notes.txt"]

    def test_a_writer_that_is_killed_leaves_the_old_one(self, files):
        files.write(HEAD, encode(HEAD, _EMPTY))
        later = msgspec.structs.replace(HEAD, offset=9)

        class KilledError(BaseException):
            pass

        def buffers():
            yield encode(later, _EMPTY)[0]
            raise KilledError

        with suppress(KilledError):
            files.write(later, buffers())
        assert decode(files.read(0))[0] == HEAD
        assert len(list(files.path(0).parent.iterdir())) == 1

    def test_writing_sleeps_for_the_rest_of_its_share_after_each_piece(self, files, monkeypatch):
        slept = []
        monkeypatch.setattr("stream_rfm.stream.snapshot_files._PIECE", 100)
        monkeypatch.setattr("time.sleep", slept.append)
        buffers = encode(HEAD, _EMPTY)
        files.write(HEAD, buffers, share=0.25)
        assert len(slept) == sum(-(-len(buffer) // 100) for buffer in buffers)
        assert min(slept) >= 0 < sum(slept)
        assert files.read(0) == b"".join(map(bytes, buffers))
        slept.clear()
        files.write(msgspec.structs.replace(HEAD, offset=9), buffers)
        assert set(slept) == {0}
