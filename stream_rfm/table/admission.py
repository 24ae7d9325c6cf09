"""Which events count: what was seen before does not, nor what belongs to a cancelled order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream_rfm.model.arrays import Bools, Column, Hashes, Ints
from stream_rfm.model.order import Kind
from stream_rfm.table.entries import CANCELLED, Entries
from stream_rfm.table.hash_index import mixed


@dataclass(frozen=True, slots=True)
class Orders:
    """Purchases and refunds of known rows, in the order of the topic; columns as in a batch.

    Attributes:
        since: for each an instant; the ids of what happened until then are forgotten.
    """

    kind: Column
    at: Ints
    key: Hashes
    order: Hashes
    row: Ints
    since: Ints


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of each event of a set.

    Attributes:
        counts: it counts.
        duplicate: it was seen before.
        void: its order has been cancelled.
        again: it can only be decided after another one of the set: after one with its id, where that one
            is too far away in time from it or from what is remembered to be the same; or after the order of
            a refund that is void without it.
        superseded: positions of entries whose id now names an event that counts.
    """

    counts: Bools
    duplicate: Bools
    void: Bools
    again: Bools
    superseded: Ints


def admit(entries: Entries, orders: Orders, dedupe: int, *, any_cancels: bool) -> Admission:
    """Decide about purchases and refunds.

    Args:
        entries: what is remembered.
        orders: the purchases and refunds to decide about.
        dedupe: microseconds within which an id seen again is the same event.
        any_cancels: whether any cancel is remembered at all.
    """
    none = np.zeros(len(orders.at), bool)
    named = mixed(orders.key, orders.row, orders.kind)
    known = entries.find_named(named, orders.key, orders.row, orders.kind, orders.since)
    seen = np.flatnonzero(known >= 0)
    if not (any_cancels or len(seen) or _any_twice(named)):
        return Admission(~none, none, none, none, superseded=seen)
    duplicate, void, again = none, none.copy(), none.copy()
    near = np.abs(orders.at[seen] - entries.at[known[seen]]) <= dedupe
    duplicate[seen[near]] = True
    if any_cancels:
        void = _void(entries, orders, dedupe) & ~duplicate
    repeated, same = _repeated(orders, named, dedupe, ~(duplicate | void))
    duplicate = duplicate | same
    again = repeated & ~same
    if void.any():
        again |= _ordered_anew(orders, void, ~(duplicate | void | again))
        void &= ~again
    counts = ~(duplicate | void | again)
    # What is too old to be remembered leaves the id to the one that it names.
    renamed = seen[counts[seen] & (orders.at[seen] > orders.since[seen])]
    if len(renamed):
        again |= duplicate & np.isin(named, named[renamed])
        duplicate &= ~again
    return Admission(counts, duplicate, void, again, superseded=known[renamed])


def _void(entries: Entries, orders: Orders, dedupe: int) -> Bools:
    cancel = entries.find(orders.order, orders.row, Kind.CANCEL, orders.since)
    in_time = (cancel >= 0) & (orders.at <= entries.at[cancel] + dedupe)
    purchase = entries.find(orders.order, orders.row, Kind.ORDER, orders.since)
    taken_back = (purchase >= 0) & ((entries.flags[purchase] & CANCELLED) != 0)
    void_refund = np.where(purchase >= 0, taken_back, cancel >= 0)
    return np.where(orders.kind == Kind.ORDER, in_time, void_refund)


def _ordered_anew(orders: Orders, void: Bools, counts: Bools) -> Bools:
    """Which void refunds are of an order that counts in the same set: once it is there, they count too."""
    anew = np.zeros(len(void), bool)
    refunds = np.flatnonzero(void & (orders.kind == Kind.REFUND))
    purchases = np.flatnonzero(counts & (orders.kind == Kind.ORDER))
    named = mixed(orders.order, orders.row, 0)
    anew[refunds] = np.isin(named[refunds], named[purchases])
    return anew


def _any_twice(hashes: Hashes) -> bool:
    """Whether any stands there twice: to sort values is much quicker than to sort their places."""
    ascending = np.sort(hashes)
    return bool((ascending[1:] == ascending[:-1]).any())


def _repeated(orders: Orders, named: Hashes, dedupe: int, candidates: Bools) -> tuple[Bools, Bools]:
    """Which candidates have an id that an earlier candidate has, and which of those are the same event."""
    repeated = np.zeros(len(candidates), bool)
    same = repeated.copy()
    where = np.flatnonzero(candidates)
    hashes = named[where]
    if _any_twice(hashes):
        _, first, which = np.unique(hashes, return_index=True, return_inverse=True)
        late = np.flatnonzero(first[which] != np.arange(len(hashes)))
        repeated[where[late]] = True
        earlier, later = where[first[which[late]]], where[late]
        apart = np.abs(orders.at[later] - orders.at[earlier])
        same[later] = (apart <= dedupe) & (orders.at[earlier] > orders.since[later])
    return repeated, same
