"""The entries that leave the window as of an instant, looked for a stretch at a time.

What is found stays right while events come in between: those are scored as of that instant or later, so that
nothing they add leaves as of it, and what they have taken out themselves is left alone.
"""

from __future__ import annotations

import numpy as np

from stream_rfm.model.arrays import Bools, Ints
from stream_rfm.table.entries import INSIDE, Entries

# So many entries are looked at in the time that it takes to score one row.
_A_ROW = 64
# So many are looked at together, some two milliseconds.
_STRETCH = 1 << 20


class Leaving:
    """Finds the entries inside the window that are not younger than an instant, and tells whose they are."""

    def __init__(self, entries: Entries, cutoff: int | None) -> None:
        """Begin to look.

        Args:
            entries: what is remembered.
            cutoff: the instant; ``None`` where nothing ever leaves.
        """
        self._entries = entries
        self._cutoff = cutoff
        # By their sequence numbers: positions may shift meanwhile.
        self._found: list[Ints] = []
        self._next = entries.first
        self._end = entries.first if cutoff is None else entries.next

    @property
    def complete(self) -> bool:
        """Whether all that leaves has been found."""
        return self._next >= self._end

    def look(self) -> int:
        """Look at the next entries.

        Returns:
            How many rows could have been scored in that time.
        """
        entries = self._entries
        low = max(0, self._next - entries.first)
        high = max(low, min(low + _STRETCH, self._end - entries.first))
        if self._cutoff is not None and high > low:
            old = low + np.flatnonzero(entries.at[low:high] <= self._cutoff)
            self._found.append(entries.first + old[(entries.flags[old] & INSIDE) != 0])
        self._next = entries.first + high
        return (high - low) // _A_ROW

    def between(self, low: int, high: int) -> Ints:
        """The positions of what leaves of the customers in a range of rows, and has not left yet."""
        positions = self._positions()
        rows = self._entries.row[positions]
        return self._still_inside(positions, (rows >= low) & (rows < high))

    def of(self, rows: Ints, count: int) -> Ints:
        """The same of some rows of a table that has so many."""
        positions = self._positions()
        asked = np.zeros(count + 1, bool)
        asked[rows] = True
        # Who was erased has left nothing.
        return self._still_inside(positions, asked[np.minimum(self._entries.row[positions], count)])

    def _still_inside(self, positions: Ints, mine: Bools) -> Ints:
        positions = positions[mine]
        return positions[(self._entries.flags[positions] & INSIDE) != 0]

    def _positions(self) -> Ints:
        while not self.complete:
            self.look()
        if len(self._found) != 1:
            self._found = [np.concatenate(self._found) if self._found else np.empty(0, np.int64)]
        positions = self._found[0] - self._entries.first
        return positions[positions >= 0]
