"""Samples of what Redis should hold, to be compared with what it does hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from stream_rfm.model.arrays import Ints
from stream_rfm.serve.bulk import CUSTOMER_KEY
from stream_rfm.serve.marks import Marks

# A sample has at most so many customers.
_SIZE = 100
# Of a document, what changes without a change of the key.
_UNTOLD = ("scored_at", "quantiles_version")


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What Redis holds of some customers once all calls before it are done, and none after it.

    Attributes:
        partition: whose they are.
        rows: theirs, and perhaps some of nobody.
        keys: of the customers.
        documents: what their keys say.
    """

    partition: int
    rows: Ints
    keys: list[bytes]
    documents: list[dict[str, Any]]

    @property
    def count(self) -> int:
        """How many customers it is of."""
        return len(self.keys)

    def differing(self, values: Sequence[bytes | None]) -> int:
        """Of how many customers Redis holds something else.

        Args:
            values: what it holds, a value a customer.
        """
        pairs = zip(self.documents, values, strict=True)
        return sum(_told(document) != _read(value) for document, value in pairs)


def sample_of(partition: int, marks: Marks, random: np.random.Generator) -> Sample:
    """Some customers of a partition, chosen by chance among those without a mark.

    Args:
        partition: its number.
        marks: its marks.
        random: chance.
    """
    count = marks.table.count()
    rows: Ints = np.unique(random.integers(0, count, _SIZE)) if count else np.empty(0, np.int64)
    for waiting in (marks.suspect, marks.changed, marks.backlog):
        rows = rows[~waiting.holds(rows)]
    customers, values = marks.table.values(rows)
    keys = [CUSTOMER_KEY + customer for customer in customers]
    return Sample(partition, rows, keys, [msgspec.msgpack.decode(value) for value in values])


def _told(document: dict[str, Any]) -> dict[str, Any]:
    return {name: said for name, said in document.items() if name not in _UNTOLD}


def _read(value: bytes | None) -> Any:
    try:
        said = msgspec.msgpack.decode(value or b"")
    except (msgspec.DecodeError, ValueError):
        return None
    return _told(said) if isinstance(said, dict) else None
