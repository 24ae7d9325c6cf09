"""Texts as they lie in a buffer: none becomes an object of Python's before somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, overload

import numpy as np

from stream_rfm.model.arrays import Column, Ints

T = TypeVar("T")


class Texts(Sequence[T]):
    """A column of texts."""

    __slots__ = ("_read", "data", "size", "start")

    #: Bytes that hold all of them, where each begins, and how many bytes it has; −1 where there is none.
    data: Column
    start: Ints
    size: Ints

    def __init__(self, data: Column, start: Ints, size: Ints, read: Callable[[bytes], T]) -> None:
        """Say where the texts are.

        Args:
            data: bytes that hold all of them.
            start: where each begins.
            size: how many bytes it has; −1 where there is none, and ``None`` stands instead.
            read: what makes one of its bytes.
        """
        self.data = data
        self.start = start
        self.size = size
        self._read = read

    @classmethod
    def of(cls, texts: Sequence[bytes | None], read: Callable[[bytes], T]) -> Texts[T]:
        """Texts given by their bytes.

        Args:
            texts: the bytes of each; ``None`` where there is none.
            read: what makes a text of its bytes.
        """
        none = np.empty(0, np.int64)
        return cls(np.empty(0, np.uint8), none, none, read).joined(texts)

    def __iter__(self) -> Iterator[T]:
        return iter(self.at(np.arange(len(self))))

    def __len__(self) -> int:
        return len(self.start)

    @overload
    def __getitem__(self, which: int) -> T: ...
    @overload
    def __getitem__(self, which: slice | Ints) -> Texts[T]: ...
    def __getitem__(self, which: int | slice | Ints) -> T | Texts[T]:
        if isinstance(which, slice | np.ndarray):
            return Texts(self.data, self.start[which], self.size[which], self._read)
        start, size = int(self.start[which]), int(self.size[which])
        # Who reads texts that may be missing has a T that None is one of.
        return None if size < 0 else self._read(self.data[start : start + size].tobytes())  # type: ignore[return-value]

    def at(self, places: Ints) -> list[T]:
        """Those at some places: a call for all of them takes a tenth of one for each."""
        data, read = self.data.data, self._read
        return [
            None if size < 0 else read(bytes(data[start : start + size]))  # type: ignore[misc]  # see above
            for start, size in zip(self.start[places].tolist(), self.size[places].tolist(), strict=True)
        ]

    def joined(self, others: Sequence[bytes | None]) -> Texts[T]:
        """These and others, given by their bytes, behind them."""
        sizes = np.array([-1 if other is None else len(other) for other in others], np.int64)
        ends = len(self.data) + np.cumsum(np.maximum(sizes, 0))
        more = np.frombuffer(b"".join(other for other in others if other), np.uint8)
        return Texts(
            np.concatenate([self.data, more]),
            np.concatenate([self.start, ends - np.maximum(sizes, 0)]),
            np.concatenate([self.size, sizes]),
            self._read,
        )
