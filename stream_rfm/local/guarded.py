"""The owner's side of a guardian: a process that cannot outlive this one."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stream_rfm.local import guardian
from stream_rfm.local.errors import ServiceError

_GRACE_SECONDS = 5.0


class GuardedProcess:
    """A running process with a guardian, in a session of its own, so that no Ctrl-C reaches either.

    Args:
        command: the program and its arguments.
        folder: the process' working directory.
        log: the file to which its output is appended.

    Raises:
        ServiceError: the program cannot be run.
    """

    def __init__(self, command: Sequence[str], *, folder: Path, log: Path) -> None:
        with log.open("ab") as sink:
            self._guardian = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", guardian.__file__, str(_GRACE_SECONDS), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                bufsize=0,
                cwd=folder,
                start_new_session=True,
            )
        word, _, rest = self._answer().partition(" ")
        if word != "started":
            self.wait(_GRACE_SECONDS)
            raise ServiceError(f"{command[0]} cannot be run: {rest or 'its guardian ended'}; see {log}.")
        self.pid = int(rest)

    @property
    def running(self) -> bool:
        """Whether the process has not ended; a paused one has not."""
        return self._guardian.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The process' exit code, 128 and more for a signal, as in a shell; None while it runs."""
        return self._guardian.poll()

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to the process.

        Returns:
            Whether it was sent: False when the process has ended.
        """
        assert self._guardian.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
        try:
            self._guardian.stdin.write(f"{number.name}\n".encode())
        except (BrokenPipeError, ValueError):  # a ValueError is a pipe that wait() has closed
            return False
        return self._answer() == number.name

    def wait(self, seconds: float) -> bool:
        """Wait until the process has ended.

        Returns:
            Whether it has.
        """
        try:
            self._guardian.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        for pipe in (self._guardian.stdin, self._guardian.stdout):
            if pipe is not None:
                pipe.close()
        return True

    def _answer(self) -> str:
        assert self._guardian.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        return self._guardian.stdout.readline().decode().strip()
