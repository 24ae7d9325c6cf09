"""The worker of a demo: a process of its own, as it is in earnest, that dies with the demo."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, ClassVar

from stream_rfm.demo.deployment import Deployment
from stream_rfm.demo.errors import DemoError
from stream_rfm.local.ports import HOST, free_ports
from stream_rfm.local.service import Service
from stream_rfm.settings import SettingsError, load

_OVERRIDES = "overrides.json"
_REQUEST_SECONDS = 2.0
# Longer than the worker gives itself for the work in hand.
_STOP_SECONDS = 30.0
_OK = 200
_WRONG_SETTING = 2


class Scorer(Service):
    """A worker with a free metrics port.

    Args:
        folder: where its log is; made when missing.
        deployment: what it works for.
    """

    name: ClassVar[str] = "Worker"

    def __init__(self, folder: Path, deployment: Deployment) -> None:
        super().__init__(folder, ports_are_fixed=False)
        self._deployment = deployment
        self._choose_ports()

    @property
    def ports(self) -> list[int]:
        """The port of its metrics."""
        return [self._port]

    @property
    def metrics_url(self) -> str:
        """Where its metrics are."""
        return f"http://{HOST}:{self._port}/metrics"

    def metrics(self) -> str | None:
        """Its metrics in Prometheus' text format; ``None`` when it does not answer."""
        return self._get("/metrics")

    def finish(self) -> None:
        """End it and make sure that it committed the work in hand.

        Raises:
            DemoError: it did not end in good order; with the end of its log.
        """
        self.stop(_STOP_SECONDS)
        if self.exit_code:
            raise DemoError(
                f"The worker was told to end and did so with exit code {self.exit_code} instead of 0. Its "
                f"log says:\n{self.log.tail()}"
            )

    def _choose_ports(self) -> None:
        [self._port] = free_ports(1)

    def _prepare(self) -> list[str]:
        own = {"metrics_host": HOST, "metrics_port": self._port, "log_level": "info"}
        # In a file, since it may hold a password; the folder is this user's alone.
        file = self.folder / _OVERRIDES
        file.write_text(json.dumps(self._deployment.overrides | own), "utf-8")
        config = self._deployment.config
        named = [] if config is None else [str(config.absolute())]
        return [sys.executable, "-P", "-m", __name__, str(file), *named]

    def _answers(self) -> bool:
        # Its port was free when it was launched, so nobody else answers there while it runs.
        return self._get("/ready") is not None

    def _get(self, path: str) -> str | None:
        connection = HTTPConnection(HOST, self._port, timeout=_REQUEST_SECONDS)
        try:
            connection.request("GET", path)
            answer: HTTPResponse = connection.getresponse()
            body = answer.read().decode()
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()
        return body if answer.status == _OK else None


def main(overrides: Mapping[str, Any], config: Path | None) -> int:
    """Be the worker.

    Returns:
        The exit code, for what ends it before it works.
    """
    from stream_rfm.worker import run  # noqa: PLC0415 - Faust, which the demo itself does without

    try:
        run(load(config, **overrides))
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the log, which the demo shows
        return _WRONG_SETTING
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2]) if sys.argv[2:] else None))
