"""Rounds of a peer: a process that does the same work by other means, and prints how far it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from harness import ROOT, Bench, last_words, on_core, write_back

# A peer that has not come to its count by then is taken for stuck.
_PEER_SECONDS = 900


class PeerFailedError(Exception):
    """A peer did not come to the count that was waited for; the message says what it said last."""


def faust_peer(script: str) -> list[str]:
    """The command of a peer in Faust."""
    return [sys.executable, str(ROOT / "peers" / script), "worker", "-l", "error", "--without-web"]


def rounds_of(
    command: Sequence[str], environment: dict[str, str], bench: Bench, last: int, rounds: int = 1
) -> list[list[tuple[int, float]]]:
    """Run a peer, which prints a count and the time now and then, until it has come to a count so many times.

    Raises:
        PeerFailedError: it ended before that, or took too long.
    """
    log = bench.folder / "peer.log"
    write_back()
    with log.open("w") as errors, on_core(bench.workers_core):
        peer = subprocess.Popen(
            command,
            env=environment,
            cwd=bench.folder,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # some start a JVM beside them, which has to end with them
        )
    too_long = threading.Timer(_PEER_SECONDS, _kill_group, [peer])
    too_long.start()
    found: list[list[tuple[int, float]]] = [[]]
    try:
        for line in peer.stdout or ():
            parts = line.split()
            if len(parts) == 2 and parts[0].isdigit():
                found[-1].append((int(parts[0]), float(parts[1])))
                if found[-1][-1][0] >= last:
                    if len(found) == rounds:
                        return found
                    found.append([])
    finally:
        too_long.cancel()
        _kill_group(peer)
        peer.wait(30)
    said = last_words(log)
    raise PeerFailedError(said or f"it ended without a word, or did not end in {_PEER_SECONDS} s")


def _kill_group(process: subprocess.Popen[Any]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
