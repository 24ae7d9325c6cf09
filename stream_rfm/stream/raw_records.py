"""Records as aiokafka has parsed them, without an object of Python's made of each.

aiokafka makes a ``ConsumerRecord`` of every record it fetches, which costs more than all the rest of a fetch.
What it makes it of has the fields that we read: key, value, headers, offset and timestamp.
"""

from __future__ import annotations

from typing import Any

from aiokafka.consumer import fetcher


class RawPartitionRecords(fetcher.PartitionRecords):
    """Gives the parsed records themselves."""

    def __iter__(self) -> Any:
        """What goes through all that was fetched: not by :meth:`__next__`, a call more for each record."""
        return self._records_iterator

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        del tp
        return record


def use_raw_records() -> None:
    """Have all consumers of this process give parsed records from now on."""
    fetcher.PartitionRecords = RawPartitionRecords
