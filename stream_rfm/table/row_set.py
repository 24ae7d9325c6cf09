"""A set of rows that is taken from in turn, a byte for each row there may be."""

from __future__ import annotations

import numpy as np

from stream_rfm.model.arrays import Bools, Ints
from stream_rfm.table.compiled_module import CompiledModule

# So many rows are looked at together at first, and four times as many each time that they did not do.
_WINDOW, _WIDER = 16_384, 4
#: Compiled code looks at so many at once: there is room for whole ones.
AT_ONCE = 8

#: What puts rows in and takes them out, of all sets.
COMPILED = CompiledModule("stream_rfm.table.row_set_compiled")


class RowSet:
    """Rows, each in it once.

    What is taken goes on behind what was taken last and begins again at the end, so that every row has its
    turn, however often others are added again.
    """

    def __init__(self) -> None:
        self._in = np.zeros(0, bool)
        self._next = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def holds(self, rows: Ints) -> Bools:
        """For each of some rows, whether it is in the set."""
        held = np.zeros(len(rows), bool)
        known = rows < len(self._in)
        held[known] = self._in[rows[known]]
        return held

    def add(self, rows: Ints) -> None:
        """Put rows in; a row may be named twice."""
        if not len(rows):
            return
        self._reach(int(np.maximum.reduce(rows)) + 1)
        if COMPILED.way is not None:
            self._count += COMPILED.way.add(self._in, rows)
            return
        new = np.sort(rows[~self._in[rows]])
        self._in[new] = True
        self._count += len(new) - int(np.count_nonzero(new[1:] == new[:-1]))

    def add_first(self, count: int) -> None:
        """Put the first so many rows in."""
        self._reach(count)
        self._count += count - int(np.count_nonzero(self._in[:count]))
        self._in[:count] = True

    def take(self, most: int) -> Ints:
        """Take rows out, at most so many."""
        if COMPILED.way is not None:
            taken = np.empty(max(0, min(most, self._count)), np.int64)
            if len(taken):
                self._next = COMPILED.way.take(self._in, self._in.view(np.uint64), self._next, taken)
                self._count -= len(taken)
            return taken
        parts: list[Ints] = []
        window = _WINDOW
        while most > 0 and self._count:
            # The first that is in, if there is one: where few are, most of the time would go into looking.
            first = self._next + int(self._in[self._next :].argmax())
            rows = self._in[first : first + window].nonzero()[0][:most] + first
            self._in[rows] = False
            self._count -= len(rows)
            most -= len(rows)
            self._next = (first + window if most else int(rows[-1]) + 1) if len(rows) else len(self._in)
            if self._next >= len(self._in):
                self._next = 0
            window *= _WIDER
            parts.append(rows)
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def discard(self, rows: Ints) -> None:
        """Take rows out, each named once, those that are in."""
        if not self._count:
            return
        held = rows[self.holds(rows)]
        self._in[held] = False
        self._count -= len(held)

    def take_from(self, other: RowSet) -> None:
        """Take all rows out of another set."""
        if len(other):
            self._reach(len(other._in))
            mine = self._in[: len(other._in)]
            mine |= other._in
            self._count = int(np.count_nonzero(self._in))
            other._in[:] = False
            other._count = 0

    def _reach(self, end: int) -> None:
        if end > len(self._in):
            grown = np.zeros(-(-(end + end // 2) // AT_ONCE) * AT_ONCE, bool)
            grown[: len(self._in)] = self._in
            self._in = grown
