"""Runs the supervisor as a process of its own, which outlives the command that started it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stream_rfm.local.errors import ServiceError
from stream_rfm.local.services import Endpoints
from stream_rfm.local.supervisor import BusyError, Supervisor
from stream_rfm.settings import SettingsError, load

_READY, _BUSY = "ready", "busy"


def start_in_background(log: Path, config: Path | None = None) -> None:
    """Start a supervisor with the settings of this process, and wait until its services answer.

    Args:
        log: the file that its messages go to.
        config: the TOML file that the settings come from, if any.

    Raises:
        BusyError: another process has the services.
        ServiceError: they cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    file = [] if config is None else [str(config.absolute())]
    with log.open("ab") as sink:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", "-m", __name__, *file],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sink,
            start_new_session=True,
            text=True,
        )
    try:
        answer = process.stdout.read().strip() if process.stdout else ""
    except BaseException:
        process.terminate()
        raise
    if answer == _BUSY:
        raise BusyError("Another process starts these services at this moment.")
    if answer != _READY:
        raise ServiceError(answer or f"The services' supervisor ended unexpectedly; see {log}.")


def main(config: Path | None) -> int:
    """Be the supervisor; the answer goes to standard output, which is closed with it.

    Returns:
        The exit code.
    """

    def ready(_: Endpoints) -> None:
        print(_READY, flush=True)  # noqa: T201 - the answer to the process that started this one
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    try:
        Supervisor(load(config)).run(ready)
    except BusyError:
        print(_BUSY)  # noqa: T201 - the answer
    except (ServiceError, SettingsError) as error:
        print(error)  # noqa: T201 - the answer
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
