"""Events counted and scored one after the other, where that is compiled; else it is done in columns.

Both say the same. In columns, as :mod:`stream_rfm.table.judgement` does it, each step is a call of numpy, and
a hundred of them take a millisecond however few events there are. So few of a partition gather within fifty
milliseconds that this was most of what an order took (``docs/decisions/0016-counting-in-turn.md``).
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from stream_rfm.model import money
from stream_rfm.model.arrays import Bools, Ints
from stream_rfm.model.version import Version
from stream_rfm.table.batch import Batch
from stream_rfm.table.compiled_module import CompiledModule
from stream_rfm.table.moves import VERSION, Moves
from stream_rfm.table.store import Changes, Store
from stream_rfm.table.texts import Texts

T = TypeVar("T")

#: What counts and scores one event after the other.
COMPILED = CompiledModule("stream_rfm.table.settling_compiled")


def is_compiled() -> bool:
    """Whether :func:`settle` and :func:`fits` may be called."""
    return COMPILED.way is not None


def fits(store: Store, batch: Batch, rows: Ints, where: Ints) -> bool:
    """Whether no customer's money can leave 64 bits by the events at some places.

    Args:
        store: the customers.
        batch: the events.
        rows: for each event of the batch the row of its customer.
        where: places of events.
    """
    way = COMPILED.way
    return bool(way.fits(store.customers.rows, rows, batch.amount, where, float(money.LARGEST_SUM)))


def settle(
    store: Store, version: Version, batch: Batch, rows: Ints, as_of: Ints, where: Ints, inside: Bools
) -> Changes:
    """Count events in the order of the topic, score the customer of each after it, and say what changed.

    Args:
        store: the customers; none of them has anything that leaves the window before, nor is by former rules.
        version: the cut points to score with.
        batch: orders, refunds and enquiries.
        rows: for each event of the batch the row of its customer.
        as_of: for each event of the batch the instant that its customer is scored as of.
        where: places of the events, ascending.
        inside: for each of those whether it counts inside the window.
    """
    way, count = COMPILED.way, len(where)
    moves, news = np.empty((way.LINES, count), np.int64), np.empty(count, np.int64)
    counts = np.empty(way.COUNTS, np.int64)
    by = store.evaluator.facts(version)
    events = (batch.kind, batch.at, batch.amount, as_of, rows)
    way.settle(store.customers.rows, events, where, inside, by, (moves, news, counts))
    moved, changed, late, _ = counts.tolist()
    changes = Changes()
    if late:
        changes.tallies["late"] = late
    if moved:
        changes.moves.append(_moves(way, moves[:, :moved], version, batch))
    changes.changed.append(news[:changed])
    store.touch(news[:changed])
    return changes


def _moves(way: Any, said: Ints, version: Version, batch: Batch) -> Moves:
    places, lines = said[way.PLACE], said.copy()
    # In the place of each move's place in the batch; all else stands where it does in settle's table.
    lines[VERSION] = version.number
    return Moves.of_lines(lines, _at(batch.ids, places), _at(batch.order_ids, places), batch.stamp[places])


def _at(texts: list[T] | Texts[T], places: Ints) -> list[T] | Texts[T]:
    """The texts at some places; none of those that lie in a buffer becomes an object here."""
    return texts[places] if isinstance(texts, Texts) else [texts[place] for place in places.tolist()]
