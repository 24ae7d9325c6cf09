"""A new version: the window moves on, and every customer is scored again, a slice at a time."""

from __future__ import annotations

import numpy as np

from stream_rfm.model.arrays import Column, Ints
from stream_rfm.model.transition import Cause
from stream_rfm.model.version import Version
from stream_rfm.table.customer_row import NEVER, NO_SEGMENT
from stream_rfm.table.evaluation import Scores
from stream_rfm.table.leaving import Leaving
from stream_rfm.table.moves import CAUSE, Moves, Standings
from stream_rfm.table.store import Changes, Store


class Rescoring:
    """Takes a store from one version to the next.

    A slice may be done again, after a crash or beside events that come in between: it changes nothing then.
    """

    def __init__(self, store: Store, old: Version, new: Version, *, config: bool = False) -> None:
        """Prepare to score with a new version instead of an old one.

        Args:
            store: the customers.
            old: the version they were scored with.
            new: the version to score with, as of its own instant.
            config: whether the rules changed since, so that the rules are the cause of what moves.
        """
        self._store = store
        self._old = old
        self._new = new
        self._config = config
        self._former = store.former
        self._next_row = 0
        window = store.rules.window
        self._leaving = Leaving(store.entries, None if window is None else new.as_of - window)

    @property
    def version(self) -> Version:
        """The version to score with."""
        return self._new

    @property
    def done(self) -> bool:
        """Whether every customer has been scored."""
        return self._leaving.complete and self._next_row >= self._store.customers.count

    def step(self, rows: int) -> Changes:
        """Score the next so many rows, or do as much of what comes before that."""
        while rows > 0 and not self._leaving.complete:
            rows -= self._leaving.look()
        changes = Changes()
        low, high = self._next_row, min(self._next_row + rows, self._store.customers.count)
        if not self._leaving.complete or high <= low:
            return changes
        self._next_row = high
        part = low + np.flatnonzero(self._store.customers.segment[low:high] != NO_SEGMENT)
        if len(part):
            before = self._store.standings(part)
            self._leave(self._leaving.between(low, high))
            self._score(part, before, changes)
        return changes

    def ahead(self, rows: Ints) -> Changes:
        """Score some customers before it is their turn, since events of theirs are about to be counted.

        So each customer goes on from the new version, as if all had been scored before the first event.
        """
        customers, changes = self._store.customers, Changes()
        rows = np.unique(rows[rows >= self._next_row])
        rows = rows[customers.segment[rows] != NO_SEGMENT]
        if len(rows):
            before = self._store.standings(rows)
            self._leave(self._leaving.of(rows, customers.count))
            self._score(rows, before, changes)
        return changes

    def _leave(self, positions: Ints) -> None:
        """Take out of the window and of the totals what leaves as of the version."""
        if not len(positions):
            return
        self._store.leave(positions)
        self._store.touch(np.unique(self._store.entries.row[positions]).astype(np.int64))

    def _score(self, rows: Ints, before: Standings, changes: Changes) -> None:
        store, customers, version = self._store, self._store.customers, self._new
        # With the wall clock a customer may have been scored by an event since the version's instant.
        as_of = np.maximum(customers.scored_at[rows], version.as_of)
        last, frequency, monetary = customers.last[rows], customers.frequency[rows], customers.monetary[rows]
        now = store.evaluator.score(last, frequency, monetary, as_of, version)
        after = Standings(now.r, now.f, now.m, now.segment, last, frequency, monetary, as_of)
        moved = now.segment != self._stood(before)
        changed = moved | (now.r != before.r) | (now.f != before.f) | (now.m != before.m)
        if self._former is not None:
            # The same scores may be shown otherwise.
            changed |= self._former.is_former(before.segment)
        customers.scored_at[rows] = as_of
        news = rows[changed]
        if not len(news):
            return
        customers.segment[news] = now.segment[changed]
        customers.r[news], customers.f[news], customers.m[news] = (
            now.r[changed],
            now.f[changed],
            now.m[changed],
        )
        customers.sequence[news] += moved[changed]
        customers.revision[news] += 1
        customers.version[news] = version.number
        store.touch(news)
        changes.changed.append(news)
        where = np.flatnonzero(moved)
        if len(where):
            changes.moves.append(self._moves(rows, before, after, where))

    def _stood(self, before: Standings) -> Column:
        """The segments that customers were in, by the numbers of our grid where it has their names."""
        if self._former is None:
            return before.segment
        return self._former.as_named(before.segment, self._store.rules.grid.names)

    def _moves(self, rows: Ints, before: Standings, after: Standings, where: Ints) -> Moves:
        customers = self._store.customers
        source, target = before.take(where), after.take(where)
        return Moves(
            ids=customers.ids_of(rows[where]),
            order_ids=[None] * len(where),
            sequence=customers.sequence[rows[where]],
            cause=self._causes(source, target),
            before=source,
            after=target,
            stamp=np.zeros(len(where), np.int64),
            version=np.full(len(where), self._new.number, np.uint32),
            revision=customers.revision[rows[where]],
            former=self._former,
        )

    def _causes(self, source: Standings, target: Standings) -> Column:
        """Time, where the customer would have moved under the old cut points too; else the new ones."""
        if self._config:
            return np.full(len(source.last), CAUSE[Cause.CONFIG], np.uint8)
        old: Scores = self._store.evaluator.score(
            target.last, target.frequency, target.monetary, target.as_of, self._old
        )
        decayed = (old.segment != source.segment) & (target.last != NEVER)
        return np.where(decayed, CAUSE[Cause.DECAY], CAUSE[Cause.QUANTILES]).astype(np.uint8)
