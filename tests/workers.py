"""A worker as a process of its own, for as long as a test wants it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from broker import eventually
from forked import Forked
from prometheus_client.parser import text_string_to_metric_families

#: What a shell would run.
COMMAND = Path(sys.executable).parent / "stream-rfm"
AS_A_SHELL_DOES = (COMMAND, "worker")
_READY_SECONDS = 30.0
_END_SECONDS = 30.0

Labels = dict[str, str]

#: How the ids begin of customers and orders in these tests: no worker may ever log one.
PERSONAL = "kunde-"


class Worker:
    """``stream-rfm worker`` with the environment of this process; it ends with the ``with`` block.

    Whatever happened to it, it may not have said who the customers are.

    Args:
        folder: where its logs go; made when missing.
        environment: variables that win over those of this process.
        command: what is run, where it matters that it begins with nothing, or where it is another program
            that is treated as a worker.
    """

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str] | None = None,
        command: Sequence[Path | str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._out, self._err = folder / "stdout", folder / "stderr"
        self.process = self._started(command, os.environ | (environment or {}))

    def _started(
        self, command: Sequence[Path | str] | None, environment: dict[str, str]
    ) -> Forked | subprocess.Popen[bytes]:
        if command is None:
            return Forked("worker", environment=environment, out=self._out, err=self._err)
        with self._out.open("wb") as out, self._err.open("wb") as err:
            return subprocess.Popen(command, stdout=out, stderr=err, env=environment)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def said(self) -> str:
        """All that it has written, on standard error and on standard output."""
        return self._err.read_text("utf-8") + self._out.read_text("utf-8")

    @property
    def logs(self) -> list[dict[str, Any]]:
        """What it has logged; a line that is no JSON fails the test."""
        whole = self._err.read_text("utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def logged(self, message: str) -> list[dict[str, Any]]:
        """The log entries with a message."""
        return [entry for entry in self.logs if entry["message"] == message]

    @property
    def url(self) -> str | None:
        """Where its metrics are, once it has said so."""
        served = self.logged("serving metrics")
        return str(served[0]["url"]).removesuffix("/metrics") if served else None

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page; the status is 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (OSError, ValueError):
            return 0, ""

    @property
    def ready(self) -> bool:
        return self.get("/ready")[0] == 200

    def wait_until_ready(self, seconds: float = _READY_SECONDS) -> Self:
        assert eventually(lambda: self.ready or not self.running, seconds), self.said
        assert self.running, self.said
        return self

    def samples(self) -> list[tuple[str, Labels, float]]:
        """Its metrics: a name, labels and a value each; none while it does not answer."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return [
            (sample.name, sample.labels, sample.value) for family in families for sample in family.samples
        ]

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples with a name and with these labels, among others."""
        return sum(
            value for found, has, value in self.samples() if found == name and labels.items() <= has.items()
        )

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it with SIGKILL and wait until it is gone."""
        self.process.kill()
        self.process.wait(_END_SECONDS)

    def end(self, seconds: float = _END_SECONDS) -> int:
        """End it with SIGTERM; returns its exit code."""
        self.tell(signal.SIGTERM)
        return self.process.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.running:
            self.tell(signal.SIGCONT)
            self.tell(signal.SIGTERM)
            try:
                self.process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        if error is None:
            assert PERSONAL not in self.said
