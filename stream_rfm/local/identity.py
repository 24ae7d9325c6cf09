"""A process that is still the same one when its pid is read from a file."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stream_rfm.local.errors import local_extra

with local_extra():
    import psutil

# Where there is only a creation time by the system's clock, which may be set while a process runs, it may
# have moved by so much. No pid is used again as fast as that.
_TOLERANCE_SECONDS = 5.0
# Where Linux says when a process began: its 22nd word, counted behind the name, which may hold anything.
_STARTED = 22 - 3
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class ProcessIdentity:
    """A pid and when its process was created, in seconds: pids are used again, pairs are not.

    Counted from the start of the system where it says so, else from 1970: a clock that is set, or stands
    still while a machine sleeps, must not make a stranger of it.
    """

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """The identity of a process that runs.

        Raises:
            psutil.NoSuchProcess: there is none with this pid.
        """
        return cls(pid, _created(psutil.Process(pid)))

    @property
    def alive(self) -> bool:
        """Whether this very process runs."""
        return self._process() is not None

    def end(self, seconds: float) -> None:
        """Send it SIGTERM, and SIGKILL when it takes longer; never to a stranger with its pid.

        Args:
            seconds: how long it may take.
        """
        process = self._process()
        if process is None:
            return
        try:
            process.terminate()
            if not self.wait_until_gone(seconds):
                process.kill()
                self.wait_until_gone(seconds)
        except psutil.NoSuchProcess:
            pass  # it ended meanwhile

    def wait_until_gone(self, seconds: float) -> bool:
        """Wait for its end, for so many seconds.

        Returns:
            Whether it has ended.
        """
        deadline = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def _process(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            same = abs(_created(process) - self.created) < _TOLERANCE_SECONDS
            # A zombie has ended; only its parent has not asked for its exit code yet.
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def _created(process: psutil.Process) -> float:
    try:
        said = Path(f"/proc/{process.pid}/stat").read_text("utf-8", "replace")
        return int(said.rpartition(")")[2].split()[_STARTED]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        created: float = process.create_time()
        return created
