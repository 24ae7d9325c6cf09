"""Integers of 64 bits in four bytes each, where neighbours are near, as times and amounts of orders are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stream_rfm.model.arrays import Column, Ints
from stream_rfm.table.growing import Growing

#: How many values are written in the same way.
CHUNK = 4096
#: How many units a value may be from the base.
FURTHEST = (1 << 31) - 1
# How many values are unpacked at a time.
_SLICE = 1 << 16

#: Steps; of each chunk base, unit, and one more than its place among those in full, or 0; values of those.
Parts = tuple[Column, Ints, Ints, Column, Ints]


class Packed:
    """A column that is appended to at its end and let go of at its front.

    Each chunk has a base and a unit, and of each value is kept how many units it is from the base. Where a
    value is too far away, or no multiple, the whole chunk is written in full.
    """

    def __init__(self, units: Sequence[int], expected: int) -> None:
        """Make room for so many values.

        Args:
            units: what values may be counted in, the largest first and one last.
            expected: how many values to make room for.
        """
        self._units = units
        self.count = 0
        self._steps = Growing(np.int32, expected)
        chunks = expected // CHUNK + 1
        self._base, self._unit = Growing(np.int64, chunks), Growing(np.int64, chunks)
        # Where a chunk is in full, one more than its place among those; else 0.
        self._full = Growing(np.int32, chunks)
        self._in_full = Growing(np.int64, 0)
        self._free: list[int] = []
        self._fulls = 0

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return 4 * self.count + 20 * (self.count // CHUNK) + 8 * CHUNK * (self._fulls - len(self._free))

    def append(self, values: Ints) -> None:
        """Put values behind the last one."""
        low, end = self.count, self.count + len(values)
        self.reserve(len(values))
        while low < end:
            chunk, start = divmod(low, CHUNK)
            size = min(CHUNK - start, end - low)
            self._put(chunk, start, values[low - end + len(values) :][:size])
            low += size
        self.count = end

    def reserve(self, more: int) -> None:
        """Make room for so many more values."""
        end = self.count + more
        if end <= len(self._steps.values) and end // CHUNK < len(self._full.values):
            return
        self._steps.reserve(end)
        for of_chunks in (self._base, self._unit, self._full):
            of_chunks.reserve(end // CHUNK + 1)

    def parts(self) -> Parts:
        """What it is made of, for what is compiled: who puts values there sets how many there are."""
        chunks = (self._base.values, self._unit.values, self._full.values)
        return self._steps.values, *chunks, self._in_full.values

    def take(self, where: Ints) -> Ints:
        """The values at some places, one or many."""
        chunk = where // CHUNK
        values: Ints = self._steps.values[where] * self._unit.values[chunk] + self._base.values[chunk]
        if self._fulls > len(self._free):
            place = self._full.values[chunk].astype(np.int64) - 1
            full = self._in_full.values[np.maximum(place, 0) * CHUNK + where % CHUNK]
            values = np.where(place >= 0, full, values)
        return values

    def part(self, low: int, high: int) -> Ints:
        """The values at a stretch of places."""
        chunk = low // CHUNK
        if low < high <= (chunk + 1) * CHUNK and not self._full.values[chunk]:
            # All of one chunk, as what was just appended mostly is.
            steps = self._steps.values[low:high].astype(np.int64)
            steps *= self._unit.values[chunk]
            steps += self._base.values[chunk]
            return steps
        values = np.empty(max(0, high - low), np.int64)
        for start in range(low, high, _SLICE):
            end = min(start + _SLICE, high)
            values[start - low : end - low] = self.take(np.arange(start, end))
        return values

    def release(self, low: int, high: int) -> None:
        """Let go of whole chunks; nobody reads them again."""
        for chunk in range(low // CHUNK, high // CHUNK):
            if self._full.values[chunk]:
                self._free.append(int(self._full.values[chunk]) - 1)
                self._full.values[chunk] = 0
        self._steps.release(low, high)

    def shift(self, chunks: int) -> None:
        """Move all values so many chunks to the front, over those that were let go of."""
        self.count -= chunks * CHUNK
        self._steps.shift(chunks * CHUNK, self.count)
        for of_chunks in (self._base, self._unit, self._full):
            of_chunks.shift(chunks, self.count // CHUNK + 1)

    def _put(self, chunk: int, start: int, values: Ints) -> None:
        at = chunk * CHUNK + start
        if not start:
            self._full.values[chunk] = 0
        if self._full.values[chunk]:
            self._write_full(int(self._full.values[chunk]) - 1, start, values)
            return
        way = (int(self._base.values[chunk]), int(self._unit.values[chunk])) if start else None
        steps = None if way is None else _steps(values, *way)
        if steps is None:
            values = np.concatenate([self.part(chunk * CHUNK, at), values])
            at, way = chunk * CHUNK, self._way(values)
            if way is None:
                self._full.values[chunk] = self._place() + 1
                self._write_full(int(self._full.values[chunk]) - 1, 0, values)
                return
            self._base.values[chunk], self._unit.values[chunk] = way
            steps = _steps(values, *way)
        self._steps.values[at : at + len(values)] = steps

    def _way(self, values: Ints) -> tuple[int, int] | None:
        """The base and the largest unit by which values can be kept, if any."""
        base = int(values[0])
        for unit in self._units:
            if _steps(values, base, unit) is not None:
                return base, unit
        return None

    def _place(self) -> int:
        if self._free:
            return self._free.pop()
        self._fulls += 1
        self._in_full.reserve(self._fulls * CHUNK)
        return self._fulls - 1

    def _write_full(self, place: int, start: int, values: Ints) -> None:
        at = place * CHUNK + start
        self._in_full.values[at : at + len(values)] = values


def _steps(values: Ints, base: int, unit: int) -> Column | None:
    """How many units each value is from the base, if all are near enough and multiples."""
    furthest = max(int(values.max()) - base, base - int(values.min()))
    if furthest > FURTHEST * unit:
        return None
    away = values - base
    steps = away // unit if unit > 1 else away
    if unit > 1 and not np.array_equal(steps * unit, away):
        return None
    return steps


class Stretch:
    """The values from a place on, read like an array that starts there."""

    def __init__(self, of: Packed, start: int) -> None:
        self._of = of
        self._start = start

    def __getitem__(self, where: Any) -> Ints:
        if isinstance(where, slice):
            low, high, _ = where.indices(self._of.count - self._start)
            return self._of.part(self._start + low, self._start + high)
        return self._of.take(where + self._start)
