"""What takes something back: a cancel, an erase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream_rfm.model.arrays import Column, Hashes, Ints
from stream_rfm.model.order import Kind
from stream_rfm.model.transition import Cause
from stream_rfm.model.version import Version
from stream_rfm.table.batch import Batch
from stream_rfm.table.customer_row import NO_SEGMENT
from stream_rfm.table.entries import CANCELLED, FOUND_ORDER, INSIDE, SUPERSEDED, Entries
from stream_rfm.table.moves import CAUSE, Moves
from stream_rfm.table.store import Changes, Store


@dataclass(frozen=True, slots=True)
class Taken:
    """What a cancel takes back, each an array of one value.

    Attributes:
        orders: purchases inside the window.
        money: millionths inside the window.
        last: the customer's last purchase without it.
    """

    orders: Ints
    money: Ints
    last: Ints


def cancel(store: Store, row: int, order: Hashes, at: int, since: Ints, leaving: Ints) -> Taken | None:
    """Take an order back with the refunds on it; one that is not there yet is void when it comes.

    Args:
        store: the customers; entries and lifetime totals are changed, the window's totals are not.
        row: the customer.
        order: the hash of the order's id, an array of one.
        at: when it was cancelled.
        since: an instant, an array of one; the ids of what happened until then are forgotten.
        leaving: positions of entries that leave the window by themselves.

    Returns:
        What it took, or ``None`` where it had been cancelled before.
    """
    entries, customers = store.entries, store.customers
    rows = np.array([row], np.uint32)
    purchase = entries.find(order, rows, Kind.ORDER, since)
    known = purchase[0] >= 0
    if known and entries.flags[purchase[0]] & CANCELLED:
        return None
    if not known and not _news(entries, order, rows, at, since):
        return None
    refunds = entries.refunds(order, rows, since)
    if known:
        # What came before the order and lies before it is of an earlier one of its id.
        refunds = refunds[(refunds > purchase) | (entries.at[refunds] >= entries.at[purchase])]
    taken = np.concatenate([purchase[purchase >= 0], refunds])
    taken = taken[(entries.flags[taken] & CANCELLED) == 0]
    inside = ((entries.flags[taken] & INSIDE) != 0) & ~np.isin(taken, leaving)
    is_order, amount = entries.kind[taken] == Kind.ORDER, entries.amount[taken]
    customers.lifetime_orders[row] -= int(is_order.sum())
    customers.lifetime_monetary[row] -= int(amount.sum())
    entries.leave(taken, cancelled=True)
    # Remembered for recovery; findable only while its order is still to come.
    flags = np.array([SUPERSEDED if known else 0], np.uint8)
    kind = np.array([Kind.CANCEL], np.uint8)
    entries.append(np.array([at]), np.array([FOUND_ORDER if known else 0]), order, rows, kind, flags)
    store.cancels += 1
    store.touch(np.array([row]))
    was_last = known and entries.at[purchase[0]] == customers.last[row]
    return Taken(
        orders=np.array([is_order[inside].sum()]),
        money=np.array([amount[inside].sum()]),
        last=np.array([last_purchase(store, row) if was_last else customers.last[row]]),
    )


def last_purchase(store: Store, row: int) -> int:
    """A customer's last purchase, looked for among all that is remembered."""
    forgotten = int(store.customers.last_forgotten[row])
    # Who has no purchase left need not be looked for.
    remembered = store.entries.last_purchase(row) if store.customers.lifetime_orders[row] > 0 else None
    return forgotten if remembered is None else max(forgotten, remembered)


def erase(store: Store, row: int, as_of: int, version: Version, batch: Batch, place: int) -> Changes:
    """Forget a customer; what leaves is said by a last transition, to no segment."""
    customers, entries = store.customers, store.entries
    customer = customers.id_of(row)
    changes = Changes(erased=[customer])
    rows = np.array([row])
    before = store.standings(rows)
    sequence, revision = customers.sequence[rows] + 1, customers.revision[rows] + 1
    own = entries.of_row(row)
    entries.leave(own)
    entries.disown(own)
    customers.erase(row)
    if before.segment[0] != NO_SEGMENT:
        after = store.standings(rows)
        after.as_of = np.array([as_of])
        changes.moves.append(
            Moves(
                ids=[customer],
                order_ids=[batch.order_ids[place]],
                sequence=sequence,
                cause=np.array([CAUSE[Cause.ERASE]], np.uint8),
                before=before,
                after=after,
                stamp=batch.stamp[place : place + 1],
                version=np.array([version.number], np.uint32),
                revision=revision,
            )
        )
    return changes


def _news(entries: Entries, order: Hashes, rows: Column, at: int, since: Ints) -> bool:
    """Whether a cancel whose order is not there says more than an earlier one; that one is superseded."""
    before = entries.find(order, rows, Kind.CANCEL, since)
    before = before[before >= 0]
    if len(before) and entries.at[before[0]] >= at:
        return False
    entries.supersede(before)
    return True
