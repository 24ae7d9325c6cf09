"""A store out of what the changelog was told: the other direction of :mod:`stream_rfm.table.journal`."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from stream_rfm.model.arrays import Bools, Column, Ints
from stream_rfm.model.order import Kind
from stream_rfm.model.profile import FOR_EVER
from stream_rfm.model.rules import Rules
from stream_rfm.table.customers import Customers, digests_of
from stream_rfm.table.entries import CANCELLED, FOUND_ORDER, NOBODY, SUPERSEDED, Entries
from stream_rfm.table.hash_index import mixed
from stream_rfm.table.journal import BLOCK, CUSTOMER, HEADER, MARKER, Block, BlockValue, Journal
from stream_rfm.table.store import Store


class ChangelogError(Exception):
    """The changelog does not hold together; the message says what is missing."""


class Restore:
    """Collects records in the order of the changelog and makes a store of the last of each key."""

    def __init__(self) -> None:
        self.marker: bytes | None = None
        #: Ids of customers, gone or there, that were written lately.
        self.recent: set[bytes] = set()
        self._customers: dict[bytes, bytes] = {}
        self._blocks: dict[int, bytes] = {}

    def add(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Take records, a key and a value each; no value: the key is gone."""
        customers = self._customers
        for key, value in records:
            kind = key[:1]
            if kind == CUSTOMER:
                if value is None:
                    customers.pop(key[1:], None)
                else:
                    customers[key[1:]] = value
            elif kind == BLOCK:
                first = int.from_bytes(key[1:], "big")
                if value is None:
                    self._blocks.pop(first, None)
                else:
                    self._blocks[first] = value
            elif kind == MARKER:
                self.marker = value
            else:
                raise ChangelogError(f"The changelog has a record of an unknown kind, {kind!r}.")

    def note_recent(self, keys: Iterable[bytes]) -> None:
        """Remember whose records these are, as customers that were written lately."""
        self.recent.update(key[1:] for key in keys if key[:1] == CUSTOMER)

    def finish(
        self, rules: Rules, rows: int, entries_end: int, as_of: int, revisions_from: int
    ) -> tuple[Store, Journal]:
        """The store and its journal.

        Args:
            rules: what customers are scored by.
            rows: how many rows the customers had.
            entries_end: the sequence number that the next entry gets.
            as_of: the instant of the version that customers were last scored with.
            revisions_from: where revisions of new customers begin.

        Raises:
            ChangelogError: a block is missing.
        """
        customers, headers = self._restored_customers(rows)
        customers.revisions_from = revisions_from
        entries, blocks = self._restored_entries(entries_end)
        entries.row[: entries.count][~_has_owner(entries, customers)] = NOBODY
        store = Store(rules, customers, entries)
        store.cancels = int((entries.kind[: entries.count] == Kind.CANCEL).sum())
        _apply_cancels(entries, _find_superseded(entries))
        entries.reindex()
        _restore_values(store, headers, as_of)
        return store, Journal(store, blocks)

    def _restored_customers(self, rows: int) -> tuple[Customers, Column]:
        ids = list(self._customers)
        headers = np.frombuffer(b"".join(self._customers.values()), HEADER)
        digests = digests_of(ids)
        customers = Customers(rows)
        place = headers["row"].astype(np.int64)
        customers.restore(digests, ids, place, rows)
        for name in HEADER.names or ():
            if name not in {"row", "through"}:
                getattr(customers, name)[place] = headers[name]
        return customers, headers

    def _restored_entries(self, end: int) -> tuple[Entries, list[Block]]:
        firsts = sorted(self._blocks)
        entries = Entries(firsts[0] if firsts else end)
        blocks = []
        for first in firsts:
            if first != entries.next:
                raise ChangelogError(f"The changelog has no entries from {entries.next} to {first}.")
            value = msgspec.msgpack.decode(self._blocks[first], type=BlockValue)
            at = np.frombuffer(value.at, "<i8")
            entries.load(
                at,
                np.frombuffer(value.amount, "<i8"),
                np.frombuffer(value.key, "<u8"),
                np.frombuffer(value.row, "<u4"),
                np.frombuffer(value.kind, "u1"),
                np.zeros(len(at), np.uint8),
            )
            for place, order in value.refunds:
                entries.refunds_of.setdefault(order, []).append(first + place)
            blocks.append(Block(first, len(at), int(at.max())))
        if entries.next != end:
            raise ChangelogError(f"The changelog has no entries from {entries.next} to {end}.")
        return entries, blocks


def _has_owner(entries: Entries, customers: Customers) -> Bools:
    row = entries.row[: entries.count].astype(np.int64)
    known = row < customers.count
    somebody = customers.is_somebody()
    return known & somebody[np.where(known, row, 0)] if len(somebody) else known


def _find_superseded(entries: Entries) -> Ints:
    """Mark all but the latest of the entries with the same customer, kind and id.

    Returns:
        For each entry the position of the next one with its id, or the number of entries.
    """
    count = entries.count
    done = (entries.kind[:count] == Kind.CANCEL) & (entries.amount[:count] == FOUND_ORDER)
    named = np.flatnonzero(~done)
    hashes = mixed(entries.key[named], entries.row[named], entries.kind[named])
    order = np.argsort(hashes, kind="stable")
    again = np.flatnonzero(hashes[order[:-1]] == hashes[order[1:]])
    entries.flags[named[order[again]]] |= SUPERSEDED
    successor = np.full(count, count)
    successor[named[order[again]]] = named[order[again + 1]]
    return successor


def _apply_cancels(entries: Entries, successor: Ints) -> None:
    """Take back again what was taken back, in the order in which it was."""
    count = entries.count
    kind, row = entries.kind[:count], entries.row[:count]
    cancels = np.flatnonzero(kind == Kind.CANCEL)
    if not len(cancels):
        return
    entries.flags[cancels[entries.amount[cancels] == FOUND_ORDER]] |= SUPERSEDED
    order = entries.key[:count].copy()
    for of, numbers in entries.refunds_of.items():
        order[np.array(numbers) - entries.first] = of
    named = mixed(order, row, 0)
    concerned = np.flatnonzero(np.isin(named, named[cancels]))
    purchase: dict[int, int] = {}
    refunds: dict[int, list[int]] = {}
    for position, name in zip(concerned.tolist(), named[concerned].tolist(), strict=True):
        if kind[position] == Kind.ORDER:
            purchase[name] = position
        elif kind[position] == Kind.REFUND:
            refunds.setdefault(name, []).append(position)
        else:
            taken = [refund for refund in refunds.get(name, []) if successor[refund] > position]
            # The order itself may have been dropped since; then there is nothing left to mark.
            if entries.amount[position] == FOUND_ORDER and name in purchase:
                taken.append(purchase[name])
            entries.flags[taken] |= CANCELLED


def _restore_values(store: Store, headers: Column, as_of: int) -> None:
    """What follows from the entries: totals, the last purchase, and as of when each was scored."""
    customers, entries = store.customers, store.entries
    count = entries.count
    owned = np.flatnonzero(entries.row[:count] != NOBODY)
    rows = entries.row[owned].astype(np.int64)
    through = np.zeros(customers.count, np.int64)
    through[headers["row"]] = headers["through"]
    since = entries.first + owned >= through[rows]
    counting = (entries.flags[owned] & CANCELLED) == 0
    is_order = entries.kind[owned] == Kind.ORDER
    at, amount = entries.at[owned], entries.amount[owned]

    np.maximum.at(customers.scored_at, rows[since], at[since])
    somebody = np.flatnonzero(customers.is_somebody())
    customers.scored_at[somebody] = np.maximum(customers.scored_at[somebody], as_of)
    newer = since & counting
    np.add.at(customers.lifetime_orders, rows[newer], is_order[newer])
    np.add.at(customers.lifetime_monetary, rows[newer], amount[newer])
    np.maximum.at(customers.last, rows[newer & is_order], at[newer & is_order])

    window = store.rules.window
    start = FOR_EVER if window is None else customers.scored_at[rows] - window
    inside = counting & (at > start) & (entries.kind[owned] != Kind.CANCEL)
    np.add.at(customers.frequency, rows[inside], is_order[inside])
    np.add.at(customers.monetary, rows[inside], amount[inside])
    entries.note_inside(owned[inside])
