"""Keeps one service alive for as long as the process that owns it, however that process ends.

The owner runs this file as a program and holds the other end of its standard input. The end of that
input, be it by close, exit or SIGKILL, is the end of the service: SIGTERM, and SIGKILL for one that takes
longer than its grace. Until then each line of the input names a signal, which is passed on and
acknowledged on standard output. So signals always reach the right process: only its parent, which is the
guardian, knows for sure that a pid still belongs to the service.

Run by path, isolated and with nothing but the standard library, so that it is up in milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

_LOOK_FOR_OWNER_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1


def main(grace_seconds: float, command: Sequence[str]) -> int:
    """Run the command until it ends, or its owner does.

    Args:
        grace_seconds: how long the service may take to end after its owner has ended.
        command: the service's program and arguments; its output goes to this program's standard error.

    Returns:
        The service's exit code, 128 and more for a signal, as in a shell.
    """
    owner = os.getppid()
    wakeup = _wake_up_on(signal.SIGCHLD, signal.SIGTERM)
    try:
        service = subprocess.Popen(  # noqa: S603 - the owner's own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
            preexec_fn=_end_with_parent(),  # noqa: PLW1509 - this process has one thread
        )
    except OSError as error:
        _answer(f"failed {error}")
        return 127
    _answer(f"started {service.pid}")
    _pass_on_signals(service, owner, wakeup)
    code = _end(service, grace_seconds)
    return code if code >= 0 else 128 - code


def _wake_up_on(*signals: signal.Signals) -> int:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for each in signals:
        signal.signal(each, lambda *_: None)
    return reader


def _end_with_parent() -> Callable[[], None] | None:
    """What makes Linux kill the service when this guardian is killed; macOS has no such thing."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    guardian = os.getpid()

    def set_parent_death_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guardian:  # killed before the call above
            os._exit(1)

    return set_parent_death_signal


def _pass_on_signals(service: subprocess.Popen[bytes], owner: int, wakeup: int) -> None:
    # The owner's pid is looked at too: a child that the owner forked may hold the pipe open after it.
    while service.poll() is None and os.getppid() == owner:
        ready, _, _ = select.select([0, wakeup], [], [], _LOOK_FOR_OWNER_SECONDS)
        if wakeup in ready and signal.SIGTERM in os.read(wakeup, 64):
            return
        if 0 in ready:
            names = os.read(0, 4096)
            if not names:
                return
            for name in names.decode().split():
                service.send_signal(signal.Signals[name])
                _answer(name)


def _end(service: subprocess.Popen[bytes], grace_seconds: float) -> int:
    service.terminate()
    service.send_signal(signal.SIGCONT)  # a paused service cannot see the SIGTERM
    try:
        return service.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        service.kill()
        return service.wait()


def _answer(line: str) -> None:
    # Without an owner nobody reads; its closed standard input says so as well.
    with contextlib.suppress(BrokenPipeError):
        os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
