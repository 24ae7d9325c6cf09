"""Orders that end while the last fault is being put right are fine; those that ended before are not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError
from last_fault import LastFault
from plan import Fault, Kind
from stage import Stage

_FAULTS = [Fault(0.0, Kind.REDIS_KILL, 0, 0.0, 0.0), Fault(0.1, Kind.DISK_FULL, 0, 0.2, 0.0)]


class _Feed:
    """A process that has ended, or has not."""

    ended: int | None = None

    def poll(self) -> int | None:
        return self.ended


class _Surroundings:
    """Nothing that could be hit; what ends meanwhile is done at the beginning or in the end of a fault."""

    def __init__(self, feed: _Feed, ends: str) -> None:
        self._feed, self._ends = feed, ends
        self.begun: list[Kind] = []

    def begin(self, fault: Fault) -> Any:
        self.begun.append(fault.kind)
        if self._ends == fault.kind:
            self._feed.ended = 0
        return self._remedy

    def _remedy(self) -> None:
        if self._ends == f"end of {self.begun[-1]}":
            self._feed.ended = 0


@pytest.mark.parametrize(
    ("ends", "met"), [(Kind.REDIS_KILL, False), (Kind.DISK_FULL, True), ("end of disk-full", True)]
)
def test_only_what_is_done_when_the_last_fault_begins_counts(tmp_path: Path, ends: str, met):
    feed: Any = _Feed()
    surroundings: Any = _Surroundings(feed, ends)
    stage = Stage(tmp_path, lambda *_: SimpleNamespace(running=True), surroundings, 1)
    last = LastFault(feed, lambda: 7)
    stage.play(_FAULTS, last.begins)
    assert surroundings.begun == [Kind.REDIS_KILL, Kind.DISK_FULL]
    assert (last.met_work, last.orders_left) == (met, 7)


def test_a_broker_that_is_away_is_asked_again():
    answers: list[Any] = [KafkaConnectionError(), 3]

    def uncounted() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    last = LastFault(_Feed(), uncounted)  # type: ignore[arg-type]
    last.begins()
    assert last.orders_left == 3
