"""A store out of what the changelog was told: the other direction of :mod:`stream_rfm.table.journal`."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from stream_rfm.model.arrays import Bools, Column, Ints
from stream_rfm.model.order import Kind
from stream_rfm.model.profile import FOR_EVER
from stream_rfm.model.rules import Rules
from stream_rfm.table import window
from stream_rfm.table.customer_row import NEVER
from stream_rfm.table.customers import Customers, digests_of
from stream_rfm.table.entries import CANCELLED, FOUND_ORDER, NOBODY, SUPERSEDED, TOLD, Entries
from stream_rfm.table.hash_index import mixed
from stream_rfm.table.journal import BLOCK, CUSTOMER, HEADER, MARKER, Block, BlockValue, Journal
from stream_rfm.table.snapshot import Snapshot
from stream_rfm.table.store import Store

# Made here: threads that are the first to decode a type at the same time may crash msgspec 0.22.
_decode_block = msgspec.msgpack.Decoder(BlockValue).decode


class ChangelogError(Exception):
    """The changelog does not hold together; the message says what is missing."""


class Restore:
    """Collects records in the order of the changelog and makes a store of the last of each key."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        """Begin with nothing, or with a snapshot of all that was written before.

        Args:
            snapshot: the state that the records are to be added to.
        """
        self.marker: bytes | None = snapshot.marker if snapshot else None
        #: Ids of customers, gone or there, that were written lately.
        self.recent: set[bytes] = set()
        self._snapshot = snapshot
        self._customers: dict[bytes, bytes] = {}
        #: Customers of the snapshot that are gone.
        self._gone: set[bytes] = set()
        #: By the first entry's number a block's value, or how many entries it has in the snapshot.
        self._blocks: dict[int, bytes | int] = {}
        if snapshot is not None:
            firsts = snapshot.entries_first + np.cumsum(snapshot.blocks) - snapshot.blocks
            self._blocks.update(zip(firsts.tolist(), snapshot.blocks.tolist(), strict=True))

    def add(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Take records, a key and a value each; no value: the key is gone."""
        customers, gone = self._customers, self._gone
        remembers = self._snapshot is not None
        for key, value in records:
            kind = key[:1]
            if kind == CUSTOMER:
                if value is None:
                    customers.pop(key[1:], None)
                    if remembers:
                        gone.add(key[1:])
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
        self,
        rules: Rules,
        rows: int,
        entries_end: int,
        as_of: int,
        revisions_from: int,
        *,
        forgotten: int = NEVER,
    ) -> tuple[Store, Journal]:
        """The store and its journal.

        Args:
            rules: what customers are scored by.
            rows: how many rows the customers had.
            entries_end: the sequence number that the next entry gets.
            as_of: the instant of the version that customers were last scored with.
            revisions_from: where revisions of new customers begin.
            forgotten: an instant; what happened until then was forgotten by former rules.

        Raises:
            ChangelogError: a block is missing.
        """
        customers, through = self._restored_customers(rows)
        customers.revisions_from = revisions_from
        entries, blocks = self._restored_entries(entries_end)
        entries.row[np.flatnonzero(~_has_owner(entries, customers))] = NOBODY
        store = Store(rules, customers, entries)
        store.forgotten = forgotten
        store.cancels = int((entries.kind[: entries.count] == Kind.CANCEL).sum())
        _find_superseded(entries)
        _apply_cancels(entries)
        entries.reindex()
        _restore_values(store, through, as_of)
        return store, Journal(store, blocks)

    def _restored_customers(self, rows: int) -> tuple[Customers, Ints]:
        """The customers, and for each the number of the first entry that its totals do not hold yet."""
        customers, through = Customers(rows), np.zeros(rows, np.int64)
        snapshot = self._snapshot
        if snapshot is not None:
            customers = Customers.loaded(snapshot.customers, snapshot.ids)
            through[: customers.count] = snapshot.entries_first + snapshot.blocks.sum()
            gone = customers.find_ids(list(self._gone - self._customers.keys()))
            for row in gone[gone >= 0].tolist():
                customers.erase(row)
        ids = list(self._customers)
        headers = np.frombuffer(b"".join(self._customers.values()), HEADER)
        place = headers["row"].astype(np.int64)
        customers.restore(digests_of(ids), ids, place, rows)
        for name in HEADER.names or ():
            if name not in {"row", "through"}:
                getattr(customers, name)[place] = headers[name]
        through[place] = headers["through"]
        return customers, through

    def _restored_entries(self, end: int) -> tuple[Entries, list[Block]]:
        firsts = sorted(self._blocks)
        entries = Entries(firsts[0] if firsts else end, end - firsts[0] if firsts else 0)
        blocks = []
        for first in firsts:
            if first != entries.next:
                raise ChangelogError(f"The changelog has no entries from {entries.next} to {first}.")
            columns, refunds = self._block(first)
            at, amount, key, row, kind = columns
            entries.load(at, amount, key, row, kind, np.zeros(len(at), np.uint8))
            for number, order in refunds:
                entries.refunds_of.setdefault(order, []).append(number)
            blocks.append(Block(first, len(at), int(at.max())))
        if entries.next != end:
            raise ChangelogError(f"The changelog has no entries from {entries.next} to {end}.")
        return entries, blocks

    def _block(self, first: int) -> tuple[list[Column], list[tuple[int, int]]]:
        """The columns of a block, and the numbers of refunds in it with the hashes of their orders."""
        block, snapshot = self._blocks[first], self._snapshot
        if isinstance(block, bytes):
            value = _decode_block(block)
            raw = ((value.at, "<i8"), (value.amount, "<i8"), (value.key, "<u8"), (value.row, "<u4"))
            columns = [np.frombuffer(*each) for each in (*raw, (value.kind, "u1"))]
            return columns, [(first + place, order) for place, order in value.refunds]
        if snapshot is None:
            raise TypeError("a block of no value is a snapshot's")
        start = first - snapshot.entries_first
        numbers, orders = snapshot.refunds
        low, high = np.searchsorted(numbers, (first, first + block)).tolist()
        refunds = zip(numbers[low:high].tolist(), orders[low:high].tolist(), strict=True)
        return [snapshot.entries[name][start : start + block] for name in TOLD], list(refunds)


def _has_owner(entries: Entries, customers: Customers) -> Bools:
    row = entries.row[: entries.count].astype(np.int64)
    known = row < customers.count
    somebody = customers.is_somebody()
    return known & somebody[np.where(known, row, 0)] if len(somebody) else known


def _find_superseded(entries: Entries) -> None:
    """Mark all but the latest of the entries with the same customer, kind and id."""
    count = entries.count
    done = (entries.kind[:count] == Kind.CANCEL) & (entries.amount[:count] == FOUND_ORDER)
    named = np.flatnonzero(~done)
    hashes = mixed(entries.key[named], entries.row[named], entries.kind[named])
    # Mostly there is none twice, which sorting the values shows much quicker than sorting their places.
    ascending = np.sort(hashes)
    twice = ascending[:-1][ascending[:-1] == ascending[1:]]
    if len(twice):
        some = np.flatnonzero(np.isin(hashes, twice))
        order = some[np.argsort(hashes[some], kind="stable")]
        again = np.flatnonzero(hashes[order[:-1]] == hashes[order[1:]])
        superseded = named[order[again]]
        entries.flags[superseded] |= SUPERSEDED
        entries.note_superseded(superseded[entries.row[superseded] != NOBODY])


def _apply_cancels(entries: Entries) -> None:
    """Take back again what was taken back, in the order in which it was."""
    count = entries.count
    kind, row, at = entries.kind[:count], entries.row[:count], entries.at[:count]
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
            taken = refunds.get(name, [])
            # The order itself may have been dropped since; then there is nothing left to mark.
            if entries.amount[position] == FOUND_ORDER and name in purchase:
                bought = purchase[name]
                taken = [refund for refund in taken if refund > bought or at[refund] >= at[bought]]
                taken.append(bought)
            entries.flags[taken] |= CANCELLED


def _restore_values(store: Store, through: Ints, as_of: int) -> None:
    """What follows from the entries: totals, the last purchase, and as of when each was scored."""
    customers, entries = store.customers, store.entries
    count = entries.count
    owned = np.flatnonzero(entries.row[:count] != NOBODY)
    rows = entries.row[owned].astype(np.int64)
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

    scored_at, size = customers.scored_at[: customers.count], store.rules.window
    until = np.full(customers.count, FOR_EVER) if size is None else scored_at - size
    inside = window.counting(entries, np.maximum(until, store.forgotten))
    in_all = window.totals(entries, inside, customers.count)
    frequency, monetary = in_all if size is not None else window.of_all_time(customers)
    customers.frequency[: customers.count], customers.monetary[: customers.count] = frequency, monetary
    entries.note_inside(inside)
