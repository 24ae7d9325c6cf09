"""Batches of nothing but orders and refunds that have no more to them, looked at and counted in turn.

Mostly that is all there is. What is done for it by :mod:`stream_rfm.table.fold` and what that calls are some
250 calls of numpy, each for all events; where it is compiled, a few calls do the same event by event
(``docs/decisions/0016-counting-in-turn.md``).
"""

from __future__ import annotations

import numpy as np

from stream_rfm.model import money
from stream_rfm.model.arrays import Bools, Hashes, Ints
from stream_rfm.model.order import Kind
from stream_rfm.model.version import Version
from stream_rfm.table import settling
from stream_rfm.table.batch import Batch
from stream_rfm.table.compiled_module import CompiledModule
from stream_rfm.table.entries import INSIDE
from stream_rfm.table.store import Changes, Store
from stream_rfm.table.texts import Texts

_REFUND = int(Kind.REFUND)
# Longer than any window: what happened cannot be so long ago.
_FOR_EVER = 1 << 62

#: What puts customers in, and entries; and what looks at a batch, without which nothing is counted here.
ADDING = CompiledModule("stream_rfm.table.adding_compiled")
APPENDING = CompiledModule("stream_rfm.table.appending_compiled")
LOOKING = CompiledModule("stream_rfm.table.plain_compiled")


def use_compiled() -> None:
    """Count plain batches by what is compiled from now on: it takes a second to load.

    Raises:
        ImportError: numba is not to be had.
    """
    # What is asked for first comes last: another thread may count meanwhile.
    for module in (settling.COMPILED, ADDING, APPENDING, LOOKING):
        module.load()


def count(store: Store, batch: Batch, as_of: Ints, version: Version) -> Changes | None:
    """Count a batch that is plain; of any other nothing is counted.

    Args:
        store: the customers; changed in place.
        batch: events of customers, in the order of the topic.
        as_of: for each event the instant that its customer is scored as of; never going back.
        version: the cut points to score with.

    Returns:
        What it changed; ``None`` where it is not plain.
    """
    way = LOOKING.way
    if way is None or store.former is not None or not settling.is_compiled():
        return None
    size = len(batch)
    said, names = np.empty((way.LINES, size), np.int64), np.empty(size, np.uint64)
    inside, counts = np.empty(size, bool), np.zeros(way.COUNTS, np.int64)
    if not _look(store, batch, as_of, (said, names, inside, counts)):
        return None
    counted, strangers, duplicates, own_ids, old, _ = counts.tolist()
    rows = said[way.ROWS]
    if old and _leaves(store, rows, int(as_of[-1])):
        return None
    if strangers:
        _meet(store, batch, said[way.FIRSTS, :strangers])
    where, inside = said[way.PLACES, :counted], inside[:counted]
    if counted < size:
        names = names[where]
    _remember(store, batch, rows, where, inside, names)
    if own_ids:
        _note_refunds(store, batch, where)
    changes = settling.settle(store, version, batch, rows, as_of, where, inside)
    if duplicates:
        changes.tallies["duplicate"] = duplicates
    return changes


def _look(store: Store, batch: Batch, as_of: Ints, out: tuple[Ints, Hashes, Bools, Ints]) -> bool:
    # Nothing of the tables is held on to after this: who holds a view keeps them from growing where they are.
    rules = store.rules
    retention, window = rules.retention, rules.window
    events = (batch.kind, batch.at, batch.amount, as_of, batch.digest, batch.key, batch.order)
    by = (
        _FOR_EVER if retention is None else retention,
        store.forgotten,
        _FOR_EVER if window is None else window,
        rules.dedupe,
        store.cancels,
    )
    # Half of it at least stays empty, so that what is looked for in there is soon found or missed.
    scratch = np.zeros(4 << len(batch).bit_length(), np.int32)
    entries = (store.entries.index_parts(), *store.entries.parts())
    most = float(money.LARGEST_SUM)
    return bool(LOOKING.way.look(events, store.customers.parts(), entries, by, most, (*out, scratch)))


def _meet(store: Store, batch: Batch, firsts: Ints) -> None:
    """Give customers rows who are new, by the places of the first event of each."""
    customers, digest, ids = store.customers, batch.digest, batch.ids
    if isinstance(ids, Texts):
        store.touch(customers.add_of(ADDING.way.add, digest, ids, firsts))
    else:
        store.touch(customers.add(digest[firsts], batch.ids_at(firsts)))


def _leaves(store: Store, rows: Ints, as_of: int) -> bool:
    """Whether anything leaves the window of some customers as of an instant."""
    window = store.rules.window
    positions = store.entries.leaving(as_of - window) if window is not None else rows[:0]
    return bool(len(positions) and np.isin(store.entries.row[positions], rows).any())


def _remember(store: Store, batch: Batch, rows: Ints, where: Ints, inside: Bools, names: Hashes) -> None:
    """Put events that count behind the last entry."""
    events = (batch.kind, batch.at, batch.amount, batch.key)
    if not store.entries.put(APPENDING.way.append, events, where, rows, inside):
        kind, amount = batch.kind[where], batch.amount[where]
        signed = np.where(kind == _REFUND, -amount, amount)
        flags = inside.astype(np.uint8) * np.uint8(INSIDE)
        store.entries.load(batch.at[where], signed, batch.key[where], rows[where], kind, flags)
    store.entries.index_last(names)


def _note_refunds(store: Store, batch: Batch, where: Ints) -> None:
    own = np.flatnonzero((batch.kind[where] == _REFUND) & (batch.key[where] != batch.order[where]))
    behind = store.entries.count - len(where)
    store.note_refunds(behind + own, batch.order[where[own]])
