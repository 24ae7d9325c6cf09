"""Integers of 64 bits in three bytes each, where neighbours are near, as times and amounts of orders are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stream_rfm.model.arrays import Bools, Column, Ints
from stream_rfm.table.compiled_module import CompiledModule
from stream_rfm.table.growing import Growing

#: How many values are written in the same way: a span.
SPAN = 256
#: How many units a value may be from its span's base.
FURTHEST = (1 << 23) - 1
#: How many of a step's bits are in its lower part.
LOW_BITS = 16
# How many values are packed or unpacked at a time.
_SLICE = 1 << 16
#: Values further apart than this many are so in any way of keeping them; below it differences fit 64 bits.
APART = float(1 << 62)

#: Both parts of the steps; of each span its base and its way, which is a unit, or, below 0, one less than the
#: negative place among those in full; the values of those; and the units there are.
Parts = tuple[Column, Column, Ints, Column, Ints, Ints]

#: What reads stretches, of all columns.
COMPILED = CompiledModule("stream_rfm.table.packed_compiled")


class Packed:
    """A column that is appended to at its end and let go of at its front.

    Each span has a base and a unit, and of each value is kept how many units it is from the base: its step.
    Where a value is too far away, or no multiple, the whole span is written in full.
    """

    def __init__(self, units: Sequence[int], expected: int) -> None:
        """Make room for so many values.

        Args:
            units: what values may be counted in, the largest first and one last.
            expected: how many values to make room for.
        """
        self._units = np.array(units, np.int64)
        self.count = 0
        self._low, self._high = Growing(np.uint16, expected), Growing(np.int8, expected)
        spans = expected // SPAN + 1
        self._base, self._way = Growing(np.int64, spans), Growing(np.int32, spans)
        self._in_full = Growing(np.int64, 0)
        self._free: list[int] = []
        self._fulls = 0

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return 3 * self.count + 12 * (self.count // SPAN) + 8 * SPAN * (self._fulls - len(self._free))

    def append(self, values: Ints) -> None:
        """Put values behind the last one."""
        self.reserve(len(values))
        at = self.count
        self.count += len(values)
        if begun := min(-at % SPAN, len(values)):
            self._go_on(at, values[:begun])
            at, values = at + begun, values[begun:]
        whole = len(values) // SPAN * SPAN
        for low in range(0, whole, _SLICE):
            self._begin(at + low, values[low : min(low + _SLICE, whole)].reshape(-1, SPAN))
        if whole < len(values):
            self._begin(at + whole, values[None, whole:])

    def reserve(self, more: int) -> None:
        """Make room for so many more values."""
        end = self.count + more
        if end <= len(self._low.values) and end // SPAN < len(self._way.values):
            return
        for of_values in (self._low, self._high):
            of_values.reserve(end)
        for of_spans in (self._base, self._way):
            of_spans.reserve(end // SPAN + 1)

    def parts(self) -> Parts:
        """What it is made of, for what is compiled: who puts values there sets how many there are."""
        steps, spans = (self._low.values, self._high.values), (self._base.values, self._way.values)
        return *steps, *spans, self._in_full.values, self._units

    def take(self, where: Ints) -> Ints:
        """The values at some places, one or many."""
        span = where // SPAN
        way = self._way.values[span]
        values: Ints = self._steps(where) * way + self._base.values[span]
        if self._fulls > len(self._free):
            place = -1 - way.astype(np.int64)
            full = self._in_full.values[np.maximum(place, 0) * SPAN + where % SPAN]
            values = np.where(place >= 0, full, values)
        return values

    def part(self, low: int, high: int) -> Ints:
        """The values at a stretch of places."""
        if high - low <= _SLICE:
            return self._unpacked(low, max(low, high))
        # A stretch at a time, so that what is needed in between takes no memory of all of them.
        values = np.empty(high - low, np.int64)
        for start in range(low, high, _SLICE):
            end = min(start + _SLICE, high)
            values[start - low : end - low] = self._unpacked(start, end)
        return values

    def _unpacked(self, low: int, high: int) -> Ints:
        if COMPILED.way is not None:
            values = np.empty(high - low, np.int64)
            COMPILED.way.unpack(self.parts(), low, values)
            return values
        spans = slice(low // SPAN, -(-high // SPAN))
        ways, bases = self._way.values[spans], self._base.values[spans]
        if self._fulls > len(self._free) and (ways < 0).any():
            return self.take(np.arange(low, high))
        steps = self._steps(slice(low, high))
        if len(ways) != 1:
            here = slice(low % SPAN, low % SPAN + high - low)
            ways, bases = np.repeat(ways, SPAN)[here], np.repeat(bases, SPAN)[here]
        steps *= ways
        steps += bases
        return steps

    def release(self, low: int, high: int) -> None:
        """Let go of whole spans; nobody reads them again."""
        ways = self._way.values[low // SPAN : high // SPAN]
        self._free += (-1 - ways[ways < 0].astype(np.int64)).tolist()
        ways[:] = 0
        for of_values in (self._low, self._high):
            of_values.release(low, high)

    def shift(self, by: int) -> None:
        """Move all values so many places to the front, over spans that were let go of."""
        self.count -= by
        for of_values in (self._low, self._high):
            of_values.shift(by, self.count)
        for of_spans in (self._base, self._way):
            of_spans.shift(by // SPAN, self.count // SPAN + 1)

    def _steps(self, where: Any) -> Ints:
        """How many units the values at some places are from their bases."""
        steps: Ints = self._high.values[where].astype(np.int64)
        steps <<= LOW_BITS
        steps |= self._low.values[where]
        return steps

    def _write(self, at: int, steps: Ints) -> None:
        self._low.values[at : at + len(steps)] = steps & ((1 << LOW_BITS) - 1)
        self._high.values[at : at + len(steps)] = steps >> LOW_BITS

    def _go_on(self, at: int, values: Ints) -> None:
        """Put values into the span of the last one."""
        span = at // SPAN
        base, way = self._base.values[span], int(self._way.values[span])
        if way < 0:
            self._write_full(-1 - way, at % SPAN, values)
            return
        away = values - base
        if _fit(away, _are_near(values, base), way).all():
            self._write(at, away // way)
        else:
            self._begin(span * SPAN, np.concatenate([self.part(span * SPAN, at), values])[None])

    def _begin(self, at: int, spans: Ints) -> None:
        """Write spans, the first of which begins at a place; a line each."""
        base = spans[:, :1]
        away, near = spans - base, _are_near(spans, base)
        ways = np.zeros(len(spans), np.int32)
        for unit in self._units.tolist():
            ways[(ways == 0) & _fit(away, near, unit).all(axis=1)] = unit
        self._write(at, (away // np.maximum(ways, 1)[:, None]).ravel())
        for line in np.flatnonzero(ways == 0).tolist():
            place = self._place()
            ways[line] = -1 - place
            self._write_full(place, 0, spans[line])
        here = slice(at // SPAN, at // SPAN + len(spans))
        self._base.values[here], self._way.values[here] = base[:, 0], ways

    def _place(self) -> int:
        if self._free:
            return self._free.pop()
        self._fulls += 1
        self._in_full.reserve(self._fulls * SPAN)
        return self._fulls - 1

    def _write_full(self, place: int, start: int, values: Ints) -> None:
        at = place * SPAN + start
        self._in_full.values[at : at + len(values)] = values


def _are_near(values: Ints, base: Ints) -> Bools:
    """Whether the difference of values from a base fits 64 bits."""
    near: Bools = np.abs(values.astype(np.float64) - base) < APART
    return near


def _fit(away: Ints, near: Bools, unit: int) -> Bools:
    """Which values can be kept as steps of a unit, by how far they are away."""
    fit: Bools = near & (np.abs(away) <= FURTHEST * unit)
    return fit & (away % unit == 0) if unit > 1 else fit


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
