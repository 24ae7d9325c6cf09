"""What others on the same host take of this machine.

A virtual machine's core may have work and no processor to do it on, as the host gives it to somebody else:
its kernel counts that time as stolen (proc_stat(5)). It makes figures worse, those of the slowest of a
hundred orders most, and nothing that runs here can do anything about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_STAT = Path("/proc/stat")
# The times of all cores: user, nice, system, idle, waiting for a disk, both kinds of interrupts, stolen.
_IDLE, _STOLEN, _FIELDS = (3, 4), 7, 8


@dataclass(frozen=True, slots=True)
class CoreTime:
    """What all cores had to do until an instant, in ticks.

    Attributes:
        wanted: for how long there was something to be done.
        stolen: how much of it the host gave to others.
    """

    wanted: int
    stolen: int

    @classmethod
    def now(cls) -> CoreTime:
        """Until now."""
        of_all_cores = _STAT.read_text().split("\n", 1)[0].split()
        ticks = [int(field) for field in of_all_cores[1 : 1 + _FIELDS]]
        return cls(sum(ticks) - sum(ticks[place] for place in _IDLE), ticks[_STOLEN])

    def stolen_since(self, before: CoreTime) -> float:
        """Which part of what was wanted since then was stolen, from 0 to 1."""
        return (self.stolen - before.stolen) / max(1, self.wanted - before.wanted)
