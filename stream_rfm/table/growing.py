"""Memory of columns that grows where it is: without a copy, and without a moment at which it is held twice.

Copying would hold the event loop for as long as it takes, and twice the memory. Pages that nothing was
written to are not there yet, so that what is in reserve takes addresses and no memory.
"""

from __future__ import annotations

import mmap
from contextlib import suppress

import numpy as np

from stream_rfm.model.arrays import Column

# Large pages spare much of the work of finding scattered rows. Where there are few, they would be empty, and
# where memory is released, the system would fill it up again to make a page whole.
_LARGE_PAGE, _MANY_PAGES = 2 << 20, 4


class Growing:
    """Values of one kind, all zero at first.

    Attributes:
        values: all that there is room for; made anew when room is made.
    """

    values: Column

    def __init__(self, kind: np.dtype | type[np.generic], count: int, *, scattered: bool = False) -> None:
        """Make room for so many values.

        Args:
            kind: of the values.
            count: how many there is room for at first.
            scattered: whether they are read here and there and none is released, so that large pages pay.
        """
        self._kind = np.dtype(kind)
        self._scattered = scattered
        self._allot(count)

    def reserve(self, count: int) -> Column:
        """Make room for so many values, half as many again as before or more; the new ones are zero.

        It takes no longer for many than for few unless somebody still holds a view of the values; then they
        are copied, and that view is of the old ones.

        Returns:
            All values.
        """
        before = len(self.values)
        if count <= before:
            return self.values
        count = max(count, before + before // 2)
        del self.values
        try:
            self._map.resize(count * self._kind.itemsize)
        except (BufferError, SystemError):
            # Not every system can, and none may while there are views.
            old = self._map
            self._allot(count)
            self.values[:before] = np.frombuffer(old, self._kind, before)
        else:
            self._look(count)
        return self.values

    def release(self, low: int, high: int) -> None:
        """Give memory of values in a range back to the system; nobody reads them again."""
        first = -(-low * self._kind.itemsize // mmap.PAGESIZE) * mmap.PAGESIZE
        end = high * self._kind.itemsize // mmap.PAGESIZE * mmap.PAGESIZE
        if end > first:
            self._map.madvise(mmap.MADV_DONTNEED, first, end - first)

    def shift(self, by: int, count: int) -> None:
        """Move so many values to the front, over those that are there, and give back what they leave."""
        for low in range(0, count, by):
            high = min(low + by, count)
            self.values[low:high] = self.values[low + by : high + by]
        self.release(count, count + by)

    def _allot(self, count: int) -> None:
        size = max(1, count) * self._kind.itemsize
        self._map = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._look(count)

    def _look(self, count: int) -> None:
        large = self._scattered and len(self._map) >= _MANY_PAGES * _LARGE_PAGE
        if large and hasattr(mmap, "MADV_HUGEPAGE"):
            # Not every kernel has them.
            with suppress(OSError):
                self._map.madvise(mmap.MADV_HUGEPAGE)
        self.values = np.frombuffer(self._map, self._kind, count)
