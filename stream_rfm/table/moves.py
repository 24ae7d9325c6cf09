"""Transitions in columns, and their way out as values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from stream_rfm.model.arrays import Column, Ints
from stream_rfm.model.era import Era
from stream_rfm.model.grid import Grid
from stream_rfm.model.transition import Cause, Standing, Transition
from stream_rfm.table.customer_row import NEVER, NO_SEGMENT
from stream_rfm.table.former import Former
from stream_rfm.table.texts import Texts

#: Causes in the order of the numbers that columns hold.
CAUSES = tuple(Cause)
CAUSE = {cause: number for number, cause in enumerate(CAUSES)}

#: What :meth:`Moves.lines` says of each move, a line each; then how the customer stood and how it stands.
VERSION, CAUSE_LINE, SEQUENCE, REVISION, BEFORE, AFTER, LINES = 0, 1, 2, 3, 4, 12, 20
#: The lines of a standing.
R, F, M, SEGMENT, LAST, FREQUENCY, MONETARY, AS_OF = range(8)


@dataclass(slots=True)
class Standings:
    """How customers stand, one value a customer in each column; see :class:`Standing`."""

    r: Column
    f: Column
    m: Column
    segment: Column
    last: Ints
    frequency: Column
    monetary: Ints
    as_of: Ints

    def take(self, where: Ints | slice) -> Standings:
        """Those at some places."""
        return Standings(*[getattr(self, name)[where] for name in STANDING])

    @classmethod
    def joined(cls, parts: Sequence[Standings]) -> Standings:
        """Those of several, one behind the other."""
        return cls(*[np.concatenate([getattr(part, name) for part in parts]) for name in STANDING])


#: The names of the columns of standings.
STANDING = tuple(field.name for field in fields(Standings))


@dataclass(slots=True)
class Moves:
    """Changes of segment, in the order in which they happened to each customer.

    Attributes:
        ids: the customers, in UTF-8.
        order_ids: the order that the causing event names, where there is one.
        sequence: which of its customer's transitions each one is.
        cause: numbers of :data:`CAUSES`.
        before: how each stood; segment ``NO_SEGMENT`` the first time.
        after: how each stands; segment ``NO_SEGMENT`` when erased.
        stamp: when the causing record reached Kafka, milliseconds since 1970; 0 where none did.
        version: the number of the quantiles version scored with.
        revision: the customer's, once moved; it goes on behind an erase, where the sequence begins again.
        former: what segments are called that customers were in by rules that are no longer ours.
        said: what :meth:`lines` gives, where it is there already.
    """

    ids: list[bytes] | Texts[bytes]
    order_ids: list[str | None] | Texts[str | None]
    sequence: Column
    cause: Column
    before: Standings
    after: Standings
    stamp: Ints
    version: Column
    revision: Column
    former: Former | None = None
    said: Ints | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> Moves:
        before, after = self.before.take(part), self.after.take(part)
        return Moves(
            ids=self.ids[part],
            order_ids=self.order_ids[part],
            sequence=self.sequence[part],
            cause=self.cause[part],
            before=before,
            after=after,
            stamp=self.stamp[part],
            version=self.version[part],
            revision=self.revision[part],
            former=self.former,
        )

    @classmethod
    def of_lines(
        cls,
        lines: Ints,
        ids: list[bytes] | Texts[bytes],
        order_ids: list[str | None] | Texts[str | None],
        stamp: Ints,
    ) -> Moves:
        """Moves whose numbers are in a table as :meth:`lines` gives it; their columns are its lines."""
        return cls(
            ids=ids,
            order_ids=order_ids,
            sequence=lines[SEQUENCE],
            cause=lines[CAUSE_LINE],
            before=Standings(*lines[BEFORE:AFTER]),
            after=Standings(*lines[AFTER:]),
            stamp=stamp,
            version=lines[VERSION],
            revision=lines[REVISION],
            said=lines,
        )

    @classmethod
    def joined(cls, parts: Sequence[Moves]) -> Moves:
        """Those of several with the same former rules, one behind the other."""
        if len(parts) == 1:
            return parts[0]
        columns = ("sequence", "cause", "stamp", "version", "revision")
        return cls(
            ids=[each for part in parts for each in part.ids],
            order_ids=[each for part in parts for each in part.order_ids],
            before=Standings.joined([part.before for part in parts]),
            after=Standings.joined([part.after for part in parts]),
            former=parts[0].former,
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in columns},
        )

    def lines(self) -> Ints:
        """The numbers of all moves in one table, a line for each fact and a column for each move."""
        if self.said is not None:
            return self.said
        lines = np.empty((LINES, len(self)), np.int64)
        lines[VERSION], lines[CAUSE_LINE] = self.version, self.cause
        lines[SEQUENCE], lines[REVISION] = self.sequence, self.revision
        for line, name in enumerate(STANDING):
            lines[BEFORE + line], lines[AFTER + line] = getattr(self.before, name), getattr(self.after, name)
        return lines

    def transitions(self, grid: Grid) -> Iterator[Transition]:
        """Each move as the value that it is."""
        names: dict[int, str | None] = {**dict(enumerate(grid.names)), NO_SEGMENT: None}
        eras: dict[int, Era] = {}
        if self.former is not None:
            names |= self.former.names
            eras = self.former.eras
        facts = zip(
            self.ids,
            self.order_ids,
            self.sequence.tolist(),
            self.cause.tolist(),
            self.before.segment.tolist(),
            self.after.segment.tolist(),
            _standings(self.before),
            _standings(self.after),
            self.version.tolist(),
            self.after.as_of.tolist(),
            self.revision.tolist(),
            strict=True,
        )
        for customer, order, sequence, cause, source, target, before, after, version, at, revision in facts:
            yield Transition(
                customer_id=customer.decode(),
                sequence=sequence,
                source=names[source],
                target=names[target],
                cause=CAUSES[cause],
                order_id=order,
                before=before,
                after=after,
                quantiles_version=version,
                effective_at=at,
                revision=revision,
                era=eras.get(source),
            )


def _standings(of: Standings) -> Iterator[Standing | None]:
    age = np.where(of.last == NEVER, -1, np.maximum(0, of.as_of - of.last)).tolist()
    columns = (of.r, of.f, of.m, of.frequency, of.monetary, of.segment)
    for recency, r, f, m, frequency, monetary, segment in zip(
        age, *(column.tolist() for column in columns), strict=True
    ):
        if segment == NO_SEGMENT:
            yield None
        else:
            yield Standing(r, f, m, None if recency < 0 else recency, frequency, monetary)
