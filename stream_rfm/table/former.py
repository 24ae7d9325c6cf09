"""How customers stand by rules that are no longer ours, until they are scored by ours.

Which rules a customer was scored by follows from the version: each set of rules begins with one. Segments
of former rules get numbers of their own, behind those of any grid, so that a row says by which rules it
stands (``docs/decisions/0012-change-of-rules.md``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stream_rfm.model.arrays import Bools, Column, Ints
from stream_rfm.model.era import Era
from stream_rfm.model.profile import FOR_EVER
from stream_rfm.table import window
from stream_rfm.table.customer_row import NO_SEGMENT
from stream_rfm.table.customers import Customers
from stream_rfm.table.entries import Entries

# The number of the first segment of former rules; no grid has so many.
_FIRST = 0x8000
#: How many segments of former rules there are numbers for.
MOST = NO_SEGMENT - _FIRST


class Former:
    """The segments and totals of customers that still stand by former rules.

    Attributes:
        names: of segments, by their numbers.
        eras: the rules that a segment is of, by its number.
        frequency: purchases inside the former window, by row.
        monetary: money inside it, in millionths.
    """

    def __init__(self, customers: Customers, entries: Entries, eras: Sequence[Era], ours: int | None) -> None:
        """Give customers that stand by former rules the numbers of former segments.

        Args:
            customers: whose columns are as their changelog has them; segments are changed in place.
            entries: what is remembered.
            eras: the former rules, ascending.
            ours: the first version of our own rules; ``None`` where there is none yet.
        """
        every = [(name, era) for era in eras for name in era.names]
        self.names = {_FIRST + place: name for place, (name, _) in enumerate(every)}
        self.eras = {_FIRST + place: era for place, (_, era) in enumerate(every)}
        rows, versions = customers.count, customers.version[: customers.count]
        era_of = np.searchsorted([era.since for era in eras[1:]], versions, side="right")
        former = customers.segment[:rows] != NO_SEGMENT
        if ours is not None:
            former &= versions < ours
        places = _FIRST + np.cumsum([0, *(len(era.names) for era in eras)])
        customers.segment[:rows][former] += places[era_of[former]].astype(np.uint16)
        self.frequency, self.monetary = _totals(customers, entries, eras, era_of)

    def is_former(self, segment: Column) -> Bools:
        """For each number of a segment whether it is of former rules."""
        former: Bools = (segment >= _FIRST) & (segment != NO_SEGMENT)
        return former

    def as_named(self, segment: Column, names: Sequence[str]) -> Column:
        """Numbers of segments in a grid: of former ones where it has one of the name, else as they are."""
        now = np.arange(0x10000, dtype=np.uint16)
        for number, name in self.names.items():
            if name in names:
                now[number] = names.index(name)
        return now[segment]


def _totals(customers: Customers, entries: Entries, eras: Sequence[Era], era_of: Ints) -> tuple[Ints, Ints]:
    """Everybody's totals by the window of the era that each is of."""
    width = np.array([0 if era.window is None else era.window for era in eras])[era_of]
    for_ever = np.array([era.window is None for era in eras])[era_of]
    until = np.where(for_ever, FOR_EVER, customers.scored_at[: customers.count] - width)
    inside = window.totals(entries, window.counting(entries, until), customers.count)
    of_all_time = window.of_all_time(customers)
    frequency, monetary = (np.where(for_ever, *both) for both in zip(of_all_time, inside, strict=True))
    return frequency, monetary
