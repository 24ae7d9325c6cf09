"""Makes the disk of the process that finds this on its path full, or slow, while a file says so.

``CHAOS_DISK`` names a folder: while it holds ``full``, what is written does not reach the disk whole, and the
process is told so; while it holds ``slow``, each ``fsync`` takes as many seconds as that file says. Whoever
meets a fault leaves a line in ``met``.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

_FOLDER = Path(os.environ["CHAOS_DISK"])
_fsync = os.fsync


def _faulty_fsync(file: int) -> None:
    if (_FOLDER / "full").exists():
        _met("full")
        found = os.fstat(file)
        if stat.S_ISREG(found.st_mode):
            os.ftruncate(file, found.st_size // 2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with suppress(FileNotFoundError):
        seconds = float((_FOLDER / "slow").read_text("utf-8"))
        _met("slow")
        time.sleep(seconds)
    _fsync(file)


def _met(what: str) -> None:
    with (_FOLDER / "met").open("a", encoding="utf-8") as lines:
        lines.write(f"{what}\n")


os.fsync = _faulty_fsync
