"""A command as a process that begins with what it imports: forked from one that has imported it.

To import is half of the processor time that the start of a worker takes, and there are dozens here. Compiled
code is loaded by each, as ever. ``test_worker.py``, the demo and chaos start a worker as a shell would.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from stream_rfm.cli.main import main

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["stream_rfm.cli.main", "stream_rfm.worker", "numba"])


class Forked:
    """``stream-rfm`` with some arguments: what :class:`subprocess.Popen` is to a worker of these tests."""

    def __init__(self, *arguments: str, environment: dict[str, str], out: Path, err: Path) -> None:
        for path in (out, err):
            path.write_bytes(b"")  # there to be read before it has begun
        where = (environment, Path.cwd(), out, err)
        self._process = _forks.Process(target=_become, args=(arguments, *where), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        pid = self._process.pid
        assert pid is not None
        return pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, or the number of the signal that ended it, negative; nothing while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Its exit code; it has to end within so many seconds."""
        self._process.join(timeout)
        code = self.returncode
        if code is None:
            raise subprocess.TimeoutExpired("stream-rfm", timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _become(
    arguments: tuple[str, ...], environment: dict[str, str], folder: Path, out: Path, err: Path
) -> None:
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    tempfile.tempdir = None
    sys.argv = ["stream-rfm", *arguments]
    main()
