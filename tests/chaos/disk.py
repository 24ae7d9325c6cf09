"""The workers' disk as they see it: full or slow for a while (``faulty_disk/sitecustomize.py``)."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

_PATH = Path(__file__).parent / "faulty_disk"


class Disk:
    """Says by files in a folder what is wrong with the disk."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """What lets a process see this disk."""
        inherited = [path for path in [os.environ.get("PYTHONPATH")] if path]
        return {
            "CHAOS_DISK": str(self._folder),
            "PYTHONPATH": os.pathsep.join([str(_PATH), *inherited]),
        }

    @property
    def met(self) -> Counter[str]:
        """How many writes have met each fault."""
        file = self._folder / "met"
        return Counter(file.read_text("utf-8").split() if file.exists() else [])

    def fill(self) -> None:
        """Let nothing more be written."""
        (self._folder / "full").touch()

    def slow_down(self, seconds: float) -> None:
        """Let each ``fsync`` take so long."""
        unfinished = self._folder / "slow.unfinished"
        unfinished.write_text(str(seconds), "utf-8")
        unfinished.replace(self._folder / "slow")

    def mend(self) -> None:
        """Let everything be written again."""
        for name in ("full", "slow"):
            (self._folder / name).unlink(missing_ok=True)
