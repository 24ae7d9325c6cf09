"""Several small numbers in one column of 32 bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from stream_rfm.model.arrays import Bools, Column


class Bits:
    """Some bits of each word of a column, read and written like a column of their own."""

    def __init__(self, words: Column, shift: int, bits: int, kind: type[np.generic]) -> None:
        """Look at some bits.

        Args:
            words: of 32 bits with a sign; changed in place.
            shift: how many lower bits are others'.
            bits: how many there are; the highest are read with their sign, so that all ones stay all ones.
            kind: of what is read.
        """
        self._words = words
        self._shift = np.int32(shift)
        self._mask = None if shift + bits == 32 else np.int32((1 << bits) - 1)
        self._others = np.int32((1 << shift) - 1) if self._mask is None else ~(self._mask << self._shift)
        self._kind = kind

    def __getitem__(self, where: Any) -> Column:
        value: Column = self._words[where] >> self._shift
        return (value if self._mask is None else value & self._mask).astype(self._kind)

    def equals(self, where: Any, value: int) -> Bools:
        """Where the bits are a number that is not negative; quicker than to read them first."""
        bits = self._words[where] >> self._shift
        return (bits if self._mask is None else bits & self._mask) == value

    def __setitem__(self, where: Any, values: Any) -> None:
        shifted = (np.asarray(values, np.int64) << self._shift).astype(np.int32)
        self._words[where] = (self._words[where] & self._others) | shifted
