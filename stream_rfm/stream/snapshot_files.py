"""Snapshots on the disk: a file a partition, there as a whole or not at all, for nobody else to read."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from stream_rfm.table.snapshot import Head, SnapshotError, head_bytes, read_head

_SUFFIX, _UNFINISHED = ".snapshot", ".unfinished"
# Customers' ids are in them.
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
# Bytes that are written before others have their turn on the processor: a millisecond of it, mostly.
_PIECE = 256 << 10


class SnapshotFiles:
    """The snapshots of one changelog on this machine; several workers may share the folder."""

    def __init__(self, folder: Path) -> None:
        """Keep them in a folder, which is made when the first is written."""
        self._folder = folder

    def path(self, partition: int) -> Path:
        """Where a partition's snapshot is."""
        return self._folder / f"{partition}{_SUFFIX}"

    def read(self, partition: int) -> bytes | None:
        """All of a partition's snapshot; ``None`` where there is none.

        Raises:
            SnapshotError: it cannot be read.
        """
        try:
            return self.path(partition).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SnapshotError("unreadable", f"{error.strerror}") from None

    def write(
        self, head: Head, buffers: Sequence[Any], *, replaces_newer: bool = False, share: float = 1.0
    ) -> bool:
        """Put a snapshot in place of the one that is there.

        Args:
            head: what it is of.
            buffers: its bytes.
            replaces_newer: whether it may take the place of one that goes further.
            share: what part of a processor this may take, above 0; it sleeps for the rest.

        Returns:
            Whether it is there now: not where another worker's goes further.

        Raises:
            OSError: it cannot be written; the one that was there still is.
        """
        for folder in (self._folder.parent, self._folder):
            folder.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
        path = self.path(head.partition)
        if not replaces_newer and self._goes_further(path, head):
            return False
        unfinished = self._folder / f"{head.partition}.{uuid.uuid4().hex}{_UNFINISHED}"
        try:
            with open(unfinished, "xb", opener=_for_owner) as file:
                for piece in _pieces(buffers):
                    since = time.thread_time()
                    file.write(piece)
                    time.sleep((time.thread_time() - since) * (1 / share - 1))
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
        self._sync_folder()
        return True

    def sweep(self, before: float) -> None:
        """Remove what is too old to be used: what erased customers left must not stay for ever.

        Args:
            before: files last written before this time go, in seconds since 1970.
        """
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if path.suffix in {_SUFFIX, _UNFINISHED} and path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)

    def _goes_further(self, path: Path, head: Head) -> bool:
        """Whether the file that is there is of the same changelog, and of a later offset."""
        try:
            with path.open("rb") as file:
                start = file.read(head_bytes(b""))
                there = read_head(start + file.read(head_bytes(start) - len(start)))
        except (OSError, SnapshotError):
            return False
        return there.topic_id == head.topic_id and there.offset > head.offset

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _pieces(buffers: Sequence[Any]) -> Iterator[memoryview]:
    for buffer in buffers:
        view = memoryview(buffer)
        yield from (view[start : start + _PIECE] for start in range(0, len(view), _PIECE))


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, _FILE_MODE)
