"""After events have changed a customer's values: where they stand now, and whether that is news."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream_rfm.model.arrays import Bools, Column, Ints
from stream_rfm.model.transition import Cause
from stream_rfm.model.version import Version
from stream_rfm.table.batch import Batch
from stream_rfm.table.customer_row import NO_SEGMENT
from stream_rfm.table.groups import Groups
from stream_rfm.table.moves import CAUSE, STANDING, Moves, Standings
from stream_rfm.table.store import Changes, Store


@dataclass(frozen=True, slots=True)
class Settled:
    """Customers' values after each of their events; one value an event, sorted by row.

    Attributes:
        groups: the events of each customer.
        last: the last purchase.
        frequency: purchases inside the window.
        monetary: money inside the window, in millionths.
        orders: what the event itself added to the frequency.
        amounts: what it added to the monetary value.
        as_of: the instant that the values hold for.
        cause: what a change of segment is put down to.
        place: of the event in the batch.
    """

    groups: Groups
    last: Ints
    frequency: Ints
    monetary: Ints
    orders: Ints
    amounts: Ints
    as_of: Ints
    cause: Column
    place: Ints


def judge(store: Store, version: Version, settled: Settled, batch: Batch) -> Changes:
    """Score after each event, write the last result into the columns, and say what changed."""
    groups, customers = settled.groups, store.customers
    rows = groups.rows
    now = store.evaluator.score(settled.last, settled.frequency, settled.monetary, settled.as_of, version)
    after = Standings(
        r=now.r,
        f=now.f,
        m=now.m,
        segment=now.segment,
        last=settled.last,
        frequency=settled.frequency,
        monetary=settled.monetary,
        as_of=settled.as_of,
    )
    was = store.standings(rows)
    before = Standings(*[groups.previous(getattr(after, name), getattr(was, name)) for name in STANDING])
    moved = after.segment != before.segment
    changed = moved | (after.r != before.r) | (after.f != before.f) | (after.m != before.m)
    sequence = groups.running_sum(moved.astype(np.int64), customers.sequence[rows].astype(np.int64))
    changes = Changes()
    if moved.any():
        # In the order of the topic; within a customer that is the order they already have.
        where = np.flatnonzero(moved)
        where = where[np.argsort(settled.place[where], kind="stable")]
        places = settled.place[where]
        revision = groups.running_sum(changed.astype(np.int64), customers.revision[rows].astype(np.int64))
        changes.moves.append(
            Moves(
                ids=batch.ids_at(places),
                order_ids=batch.order_ids_at(places),
                sequence=sequence[where],
                cause=_causes(store, version, settled, before, after, where),
                before=before.take(where),
                after=after.take(where),
                stamp=batch.stamp[places],
                version=np.full(len(where), version.number, np.uint32),
                revision=revision[where],
            )
        )
    _write(store, version, groups, after, sequence, changed)
    changes.changed.append(rows[np.logical_or.reduceat(changed, groups.starts)])
    return changes


def _causes(
    store: Store, version: Version, settled: Settled, before: Standings, after: Standings, where: Ints
) -> Column:
    """The cause of each move: time, where the customer would have moved there without the event."""
    frequency = (settled.frequency - settled.orders)[where]
    monetary = (settled.monetary - settled.amounts)[where]
    alone = store.evaluator.score(before.last[where], frequency, monetary, settled.as_of[where], version)
    decayed = (alone.segment == after.segment[where]) & (before.segment[where] != NO_SEGMENT)
    return np.where(decayed, CAUSE[Cause.DECAY], settled.cause[where]).astype(np.uint8)


def _write(
    store: Store, version: Version, groups: Groups, after: Standings, sequence: Ints, changed: Bools
) -> None:
    customers, rows, ends = store.customers, groups.rows, groups.ends
    customers.last[rows] = after.last[ends]
    customers.frequency[rows] = after.frequency[ends]
    customers.monetary[rows] = after.monetary[ends]
    customers.scored_at[rows] = after.as_of[ends]
    customers.segment[rows] = after.segment[ends]
    customers.r[rows], customers.f[rows], customers.m[rows] = after.r[ends], after.f[ends], after.m[ends]
    customers.sequence[rows] = sequence[ends]
    customers.revision[rows] += np.add.reduceat(changed, groups.starts, dtype=np.uint32)
    news = rows[np.logical_or.reduceat(changed, groups.starts)]
    customers.version[news] = version.number
    store.touch(news)
