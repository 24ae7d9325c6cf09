"""What was read of a partition and has not been counted yet, and how much of it memory is meant for.

Records that cannot count wait among the others, and a dead letter is the whole record: so what counts here
is records and their bytes, whatever they hold.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

from stream_rfm.intake.decoding import decode
from stream_rfm.intake.document import Intake
from stream_rfm.intake.records import Read
from stream_rfm.intake.run import SIZE, Run

#: What may wait of one partition before no more of it is fetched, whichever is reached first.
MOST_RECORDS, MOST_BYTES = 20_000, 16 << 20
# What is counted, or refused, in one step: some ten milliseconds of work. Also what memory is given back by,
# as records are held until the last of their piece has been counted.
_PIECE_RECORDS, _PIECE_BYTES = 4_000, 2 << 20

_headers = attrgetter("headers")


class Waiting:
    """Runs that were read, cut into pieces, in the order of the topic.

    Attributes:
        records: how many there are, with those that will be dead letters.
        bytes: what their keys, values and headers take.
    """

    def __init__(self) -> None:
        self.records = self.bytes = 0
        self._pieces: deque[tuple[Read, int]] = deque()

    def __bool__(self) -> bool:
        return bool(self._pieces)

    @property
    def first(self) -> Read:
        """The piece that is next."""
        return self._pieces[0][0]

    @property
    def is_much(self) -> bool:
        """Whether no more should be fetched."""
        return self.records > MOST_RECORDS or self.bytes > MOST_BYTES

    @property
    def is_little(self) -> bool:
        """Whether more should be fetched again."""
        return self.records < MOST_RECORDS // 2 and self.bytes < MOST_BYTES // 2

    def put(self, run: Sequence[Any], intake: Intake) -> None:
        """Read what comes next.

        Args:
            run: at least one record.
            intake: what to read documents with.
        """
        for piece, size in _cut(run):
            self._pieces.append((decode(piece, intake), size))
            self.records += len(piece)
            self.bytes += size

    def drop_first(self) -> None:
        """Let go of the piece that was next."""
        read, size = self._pieces.popleft()
        self.records -= len(read.records)
        self.bytes -= size

    def clear(self) -> None:
        """Let go of all."""
        self._pieces.clear()
        self.records = self.bytes = 0


def size_of(record: Any) -> int:
    """Bytes of the key, the value and the headers of a record."""
    [size] = _sizes([record])
    return size


def _sizes(run: Sequence[Any]) -> list[int]:
    if isinstance(run, Run):
        sizes: list[int] = run.places[SIZE].tolist()
        return sizes
    # Every order comes by here: a call for each would cost more than all the rest of it.
    sizes = [len(record.key or b"") + len(record.value or b"") for record in run]
    if any(map(_headers, run)):
        sizes = [
            size + sum(len(name) + len(value or b"") for name, value in record.headers or ())
            for size, record in zip(sizes, run, strict=True)
        ]
    return sizes


def _cut(run: Sequence[Any]) -> Iterator[tuple[Sequence[Any], int]]:
    """Pieces of a run, each with its bytes."""
    sizes = _sizes(run)
    for first in range(0, len(run), _PIECE_RECORDS):
        piece, of_them = run[first : first + _PIECE_RECORDS], sizes[first : first + _PIECE_RECORDS]
        size = sum(of_them)
        if size <= _PIECE_BYTES:
            yield piece, size
        else:
            yield from _cut_large(piece, of_them)


def _cut_large(run: Sequence[Any], sizes: Sequence[int]) -> Iterator[tuple[Sequence[Any], int]]:
    """The same by bytes; a record that is larger than a piece is one by itself."""
    first = total = 0
    for place, size in enumerate(sizes):
        if place > first and total + size > _PIECE_BYTES:
            yield run[first:place], total
            first, total = place, 0
        total += size
    yield run[first:], total
