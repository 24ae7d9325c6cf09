"""What a server wrote since it was started last."""

from __future__ import annotations

from pathlib import Path

_TAIL_LINES = 12


class LogFile:
    """A log that is appended to at each start.

    Args:
        path: the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begin = 0

    def begin_here(self) -> None:
        """Forget what was written so far: a start begins."""
        self._begin = self.path.stat().st_size if self.path.exists() else 0

    def lines(self) -> list[str]:
        """What was written since the start."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self._begin)
            return file.read().decode("utf-8", "replace").splitlines()

    def tail(self) -> str:
        """The lines that tell the most: those from the first error on, or the last ones."""
        told = [
            line for line in self.lines() if line.strip() and not line.startswith("\t")
        ]  # no stack traces
        errors = (number for number, line in enumerate(told) if " ERROR " in line)
        begin = next(errors, max(0, len(told) - _TAIL_LINES))
        return "\n".join(told[begin : begin + _TAIL_LINES])
