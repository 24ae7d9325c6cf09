"""Records of a partition as they were fetched: their bytes, and where in them everything is.

Columns instead of objects: whoever needs a record as such, for a dead letter or because it is odd, gets it
made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from stream_rfm.model.arrays import Column, Ints

#: The rows of the table that says where records are: the place in the topic; milliseconds since 1970; where
#: the key and the value begin in the bytes, and their sizes, −1 where there is none; where the headers begin
#: and how many bytes they are, one where there is none; and what key, value and headers hold together, in
#: bytes.
OFFSET, STAMP, KEY, KEY_SIZE, VALUE, VALUE_SIZE, HEADERS, HEADERS_SIZE, SIZE = range(9)
WIDTH = 9
# The rows that say where something begins in the bytes.
_PLACES = slice(KEY, HEADERS + 1, VALUE - KEY)


@dataclass(frozen=True, slots=True)
class Record:
    """A record of Kafka's."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    offset: int
    timestamp: int


class Run(Sequence[Record]):
    """Records in the order of the topic.

    Attributes:
        data: bytes that hold all of them, and maybe more.
        places: one column a record, with the rows that are named above.
    """

    __slots__ = ("data", "places")

    def __init__(self, data: Column, places: Ints) -> None:
        self.data = data
        self.places = places

    def __len__(self) -> int:
        return int(self.places.shape[1])

    @overload
    def __getitem__(self, which: int) -> Record: ...
    @overload
    def __getitem__(self, which: slice) -> Run: ...
    def __getitem__(self, which: int | slice) -> Record | Run:
        if isinstance(which, slice):
            return Run(self.data, self.places[:, which])
        place = self.places[:, which].tolist()
        return Record(
            key=self._bytes(place[KEY], place[KEY_SIZE]),
            value=self._bytes(place[VALUE], place[VALUE_SIZE]),
            headers=self._headers(place[HEADERS], place[HEADERS_SIZE]),
            offset=place[OFFSET],
            timestamp=place[STAMP],
        )

    def __iter__(self) -> Iterator[Record]:
        return (self[place] for place in range(len(self)))

    def take(self, where: Ints) -> Run:
        """The records at some places."""
        return Run(self.data, self.places[:, where])

    @property
    def extent(self) -> tuple[int, int]:
        """Where in the bytes these records begin and end."""
        places = self.places
        return int(places[KEY, 0]), int(places[HEADERS, -1] + places[HEADERS_SIZE, -1])

    def _bytes(self, start: int, size: int) -> bytes | None:
        return None if size < 0 else self.data[start : start + size].tobytes()

    def _headers(self, start: int, size: int) -> Sequence[tuple[str, bytes | None]]:
        if size <= 1:
            return ()
        data, headers = self._bytes(start, size) or b"", []
        count, at = number(data, 0)
        for _ in range(count):
            size, at = number(data, at)
            # Kafka takes any bytes as a name; those that are no text are named by their numbers.
            name = data[at : at + size].decode(errors="backslashreplace")
            at += size
            size, at = number(data, at)
            headers.append((name, None if size < 0 else data[at : at + size]))
            at += max(size, 0)
        return headers


def joined(runs: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """Runs behind one another as one: in columns if all are."""
    if len(runs) == 1:
        return runs[0]
    in_columns = [run for run in runs if isinstance(run, Run)]
    if len(in_columns) < len(runs):
        return [record for run in runs for record in run]
    parts, shifts, end = [], [], 0
    for run in in_columns:
        first, last = run.extent
        parts.append(run.data[first:last])
        shifts.append(end - first)
        end += last - first
    places = np.concatenate([run.places for run in in_columns], axis=1)
    places[_PLACES] += np.repeat(shifts, [len(run) for run in in_columns])
    return Run(np.concatenate(parts), places)


def offset_of(run: Sequence[Any], which: int) -> int:
    """The offset of one record of a run, which is not made for that."""
    return int(run.places[OFFSET, which]) if isinstance(run, Run) else int(run[which].offset)


def number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length (ZigZag, seven bits a byte), and where it ends."""
    value = shift = 0
    while data[at] & 0x80:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
    value |= data[at] << shift
    return (value >> 1) ^ -(value & 1), at + 1
