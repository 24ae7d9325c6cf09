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
from stream_rfm.stream.unread import Unread, together

#: What may wait of one partition before no more of it is fetched, whichever is reached first.
MOST_RECORDS, MOST_BYTES = 20_000, 16 << 20
# What is counted, or refused, in one step: some ten milliseconds of work. Also what memory is given back by,
# as records are held until the last of their piece has been counted.
_PIECE_RECORDS, _PIECE_BYTES = 4_000, 2 << 20

_headers = attrgetter("headers")


class Waiting:
    """Runs that were read, cut and joined into pieces, in the order of the topic.

    A piece is decoded when it is its turn: to decode and count a few records costs hardly less than many do,
    and what has come meanwhile goes along.

    Attributes:
        records: how many there are, with those that will be dead letters.
        bytes: what their keys, values and headers take.
    """

    def __init__(self) -> None:
        self.records = self.bytes = 0
        self._runs: deque[tuple[Sequence[Any], int, Intake]] = deque()
        self._first: tuple[Read, int] | None = None

    def __bool__(self) -> bool:
        return bool(self._runs) or self._first is not None

    @property
    def first(self) -> Read:
        """The piece that is next; it stays the same until it is dropped."""
        return self._decoded()[0]

    @property
    def is_much(self) -> bool:
        """Whether no more should be fetched."""
        return self.records > MOST_RECORDS or self.bytes > MOST_BYTES

    @property
    def is_little(self) -> bool:
        """Whether more should be fetched again."""
        return self.records < MOST_RECORDS // 2 and self.bytes < MOST_BYTES // 2

    def put(self, run: Sequence[Any], intake: Intake) -> None:
        """Take what comes next.

        Args:
            run: at least one record.
            intake: what to read documents with.
        """
        for piece, size in _cut(run):
            self._runs.append((piece, size, intake))
            self.records += len(piece)
            self.bytes += size

    def drop_first(self) -> None:
        """Let go of the piece that is next."""
        read, size = self._decoded()
        self.records -= len(read.records)
        self.bytes -= size
        self._first = None

    def clear(self) -> None:
        """Let go of all."""
        self._runs.clear()
        self._first = None
        self.records = self.bytes = 0

    def _decoded(self) -> tuple[Read, int]:
        """The piece that is next, and its bytes."""
        if self._first is None:
            runs, size, intake = self._next()
            self._first = decode(together(runs), intake), size
        return self._first

    def _next(self) -> tuple[list[Sequence[Any]], int, Intake]:
        """As many of the next runs as make a piece, their bytes, and what to read them with."""
        run, size, intake = self._runs.popleft()
        runs, records = [run], len(run)
        while self._runs:
            more, its_size, its_intake = self._runs[0]
            if records + len(more) > _PIECE_RECORDS or size + its_size > _PIECE_BYTES:
                break
            self._runs.popleft()
            runs.append(more)
            # What was not in the future when it came is not now.
            records, size, intake = records + len(more), size + its_size, its_intake
        return runs, size, intake


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
    if isinstance(run, Unread | Run) and len(run) <= _PIECE_RECORDS:
        size = run.size if isinstance(run, Unread) else int(run.places[SIZE].sum())
        if size <= _PIECE_BYTES:
            # As nearly all are.
            yield run, size
            return
    if isinstance(run, Unread):
        run = run.records()
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
