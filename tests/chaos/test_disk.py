"""What a process meets that has a faulty disk on its path."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
from disk import Disk

_WRITE = """
import os, sys
with open(sys.argv[1], "wb") as file:
    file.write(bytes(1000))
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        sys.exit(error.errno)
"""


@pytest.fixture
def disk(tmp_path) -> Disk:
    return Disk(tmp_path / "disk")


@pytest.fixture
def write(disk, tmp_path):
    """Write a file in another process; returns its exit code and what is on the disk."""

    def written() -> tuple[int, int]:
        file = tmp_path / "file"
        run = subprocess.run(
            [sys.executable, "-c", _WRITE, file], env=os.environ | disk.environment, check=False
        )
        return run.returncode, file.stat().st_size

    return written


def test_a_full_disk_holds_half_and_says_so(disk, write):
    disk.fill()
    assert write() == (errno.ENOSPC, 500)
    assert disk.met == {"full": 1}


def test_a_slow_disk_holds_all(disk, write):
    disk.slow_down(0.01)
    assert write() == (0, 1000)
    assert disk.met == {"slow": 1}


def test_a_mended_disk_is_like_any_other(disk, write):
    disk.fill()
    disk.slow_down(0.01)
    disk.mend()
    assert write() == (0, 1000)
    assert not disk.met
