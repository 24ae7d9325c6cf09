"""Who has ended by itself is followed by another, and is wrong unless its name went to another process."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from logged import NAME_LOST
from stage import Stage


@pytest.mark.parametrize(
    ("code", "said", "wrong"), [(0, f'{{"message": "{NAME_LOST}"}}', 0), (1, NAME_LOST, 1), (0, "", 1)]
)
def test_only_who_has_lost_its_name_may_end_by_itself(tmp_path: Path, code, said, wrong):
    ended = SimpleNamespace(running=False, process=SimpleNamespace(returncode=code), said=said)
    follower = SimpleNamespace(running=True)
    hired: list[Any] = [ended, follower]
    surroundings: Any = None
    stage = Stage(tmp_path, lambda *_: hired.pop(0), surroundings, 1)
    stage.refill()
    assert len(stage.wrong) == wrong
    assert stage.workers == [ended, follower]
