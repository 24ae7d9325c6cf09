"""Record batches of a partition that nobody has looked into yet.

To take a few records apart costs hardly less than many do. So what comes in several fetches waits as it is,
and all of a partition is taken apart when it is its turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from stream_rfm.intake.run import joined, offset_of
from stream_rfm.stream.fetched import WholeBatch, run_of


class Unread(Sequence[Any]):
    """Stands for the records of some batches.

    Attributes:
        batches: at least one, not compressed, in the order of the topic.
        size: the bytes of all of them.
        first: the offset of the first record, or one before it.
        last: the offset that the last batch reaches to.
        stamp: its latest time stamp, milliseconds since 1970.
    """

    __slots__ = ("_count", "batches", "first", "last", "size", "stamp")

    def __init__(self, batches: Sequence[WholeBatch]) -> None:
        self.batches = batches
        self.size = sum(len(batch.data) for batch in batches)
        self.first, self.last = batches[0].base_offset, batches[-1].offset
        self.stamp = batches[-1].max_timestamp
        self._count = sum(batch.count for batch in batches)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, which: Any) -> Any:
        return self.records()[which]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.records())

    def records(self) -> Sequence[Any]:
        """The records.

        Raises:
            CorruptRecordException: a batch does not hold together.
        """
        return run_of(self.batches)


def run_or_unread(batches: Sequence[WholeBatch]) -> Sequence[Any]:
    """The records of some batches of one partition, which may be taken apart later.

    Raises:
        CorruptRecordException: a batch does not hold together.
    """
    # What is compressed may be any number of times as large.
    return Unread(batches) if batches and all(batch.is_plain for batch in batches) else run_of(batches)


def together(runs: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """Runs behind one another as one, taken apart."""
    unread = [run for run in runs if isinstance(run, Unread)]
    if len(unread) == len(runs):
        return run_of([batch for run in unread for batch in run.batches])
    return joined([run.records() if isinstance(run, Unread) else run for run in runs])


def stamp_of(run: Sequence[Any]) -> int:
    """The time stamp that a run ends with, milliseconds since 1970."""
    return run.stamp if isinstance(run, Unread) else run[-1].timestamp  # type: ignore[no-any-return]


def edges_of(run: Sequence[Any]) -> tuple[int, int]:
    """The offsets of the first and the last record of a run, or such as are before and behind them."""
    return (run.first, run.last) if isinstance(run, Unread) else (offset_of(run, 0), offset_of(run, -1))
