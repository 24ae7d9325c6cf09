"""A server on this machine: started, known to answer, stopped, killed, paused; for each kind alike."""

from __future__ import annotations

import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from stream_rfm.local.errors import PortTakenError, ServiceError, local_extra
from stream_rfm.local.guarded import GuardedProcess
from stream_rfm.local.log_file import LogFile
from stream_rfm.local.ports import HOST, is_free

_POLL_SECONDS = 0.02
_PAUSE_SECONDS = 5.0
_PORT_ATTEMPTS = 5


class Service(ABC):
    """One server, in a folder that keeps its data and log, and dies with this process.

    Its ports are chosen when it starts for the first time, unless the caller named them, and stay the
    same afterwards.

    Args:
        folder: where its data and log are; made when missing.
        ports_are_fixed: whether the caller named the ports.
    """

    name: ClassVar[str]
    start_seconds = 60.0
    """How long it may take until it answers."""

    def __init__(self, folder: Path, *, ports_are_fixed: bool) -> None:
        self.folder = folder.absolute()
        self.log = LogFile(self.folder / f"{self.name.lower()}.log")
        self._ports_are_fixed = ports_are_fixed
        self._process: GuardedProcess | None = None
        #: How it ended when it was stopped or killed last, 128 and more for a signal, as in a shell.
        self.exit_code: int | None = None

    @property
    @abstractmethod
    def ports(self) -> list[int]:
        """The ports that it listens on."""

    @abstractmethod
    def _choose_ports(self) -> None:
        """Choose other ports."""

    @abstractmethod
    def _prepare(self) -> list[str]:
        """Make what it needs in its folder and return the command to run."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether this very server, not another one on its port, answers a request."""

    @property
    def running(self) -> bool:
        """Whether its process exists; also true while it is paused."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int:
        """The server's own process id.

        Raises:
            ServiceError: it does not run.
        """
        return self._running_process().pid

    def start(self) -> None:
        """Start and wait until it answers; a port that was taken meanwhile is replaced by another.

        Raises:
            PortTakenError: another process listens on a port that may not be replaced.
            ServiceError: it cannot be started, or does not answer in time; with the end of its log.
        """
        self._check_not_running()
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            try:
                self.launch()
                self.wait_until_ready()
            except PortTakenError:
                if self._ports_are_fixed or attempt == _PORT_ATTEMPTS:
                    raise
                self._choose_ports()
            except BaseException:  # such as Ctrl-C while it is waited for
                self.kill()
                raise
            else:
                self._ports_are_fixed = True
                return

    def launch(self) -> None:
        """Start without waiting for it, as the nodes of a cluster need, which wait for one another.

        Raises:
            PortTakenError: another process listens on one of its ports.
            ServiceError: it runs already, or its program cannot be run.
        """
        self._check_not_running()
        self.folder.mkdir(parents=True, exist_ok=True)
        for port in self.ports:
            if not is_free(port):
                raise PortTakenError(
                    f"{self.name} cannot listen on {HOST}:{port}, because another process does: "
                    "stop that process or choose another port."
                )
        command = self._prepare()
        self.log.begin_here()
        self._process = GuardedProcess(command, folder=self.folder, log=self.log.path)

    def wait_until_ready(self) -> None:
        """Wait until it answers.

        Raises:
            PortTakenError: it ended because another process listens on one of its ports.
            ServiceError: it ended, or did not answer in time; it no longer runs then.
        """
        deadline = time.monotonic() + self.start_seconds
        while not self._answers():
            if not self.running:
                raise self._failure("ended while it started")
            if time.monotonic() > deadline:
                self.kill()
                raise self._failure(f"did not answer within {self.start_seconds:g} s and was killed")
            time.sleep(_POLL_SECONDS)

    def begin_stop(self) -> None:
        """Tell it to end in good order, with SIGTERM, without waiting for it."""
        if self._process is not None:
            self._process.send(signal.SIGTERM)
            self._process.send(signal.SIGCONT)  # a paused one cannot see the SIGTERM

    def stop(self, seconds: float = 30.0) -> None:
        """End it in good order, or with SIGKILL when that takes too long. One that has ended is left.

        Args:
            seconds: how long it may take.
        """
        self.begin_stop()
        if self._process is not None and not self._process.wait(seconds):
            self.kill()
        self._ended()

    def kill(self) -> None:
        """End it at once with SIGKILL and wait until it is gone."""
        if self._process is None:
            return
        self._process.send(signal.SIGKILL)
        self._process.wait(self.start_seconds)
        self._ended()

    def restart(self) -> None:
        """Stop it in good order and start it with the same data, on the same ports.

        Raises:
            ServiceError: as :meth:`start`.
        """
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it with SIGSTOP: connections stay open, nothing is answered.

        Raises:
            ServiceError: it does not run.
        """
        paused = self._running_process()
        paused.send(signal.SIGSTOP)
        with local_extra():
            import psutil  # noqa: PLC0415 - needed for nothing else here
        process = psutil.Process(paused.pid)
        deadline = time.monotonic() + _PAUSE_SECONDS
        while process.status() != psutil.STATUS_STOPPED and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)  # the signal is sent, but threads stop a little later

    def resume(self) -> None:
        """Let a paused one go on.

        Raises:
            ServiceError: it does not run.
        """
        self._running_process().send(signal.SIGCONT)

    def check(self) -> None:
        """Make sure that it still runs.

        Raises:
            ServiceError: it has ended by itself; with the end of its log.
        """
        if not self.running:
            raise self._failure("has ended by itself")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ended(self) -> None:
        if self._process is not None:
            self.exit_code = self._process.exit_code
        self._process = None

    def _running_process(self) -> GuardedProcess:
        if self._process is None or not self._process.running:
            raise ServiceError(f"{self.name} does not run: start it first. Its log is {self.log.path}.")
        return self._process

    def _check_not_running(self) -> None:
        if self.running:
            raise ServiceError(f"{self.name} runs already, with pid {self.pid}: stop it first.")

    def _failure(self, what: str) -> ServiceError:
        in_use = any("Address already in use" in line for line in self.log.lines())
        kind = PortTakenError if in_use else ServiceError
        return kind(f"{self.name} {what}. Its log {self.log.path} says:\n{self.log.tail()}")
