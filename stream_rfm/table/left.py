"""What a window that moves on takes from customers before one of their events is scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream_rfm.model.arrays import Ints
from stream_rfm.model.order import Kind
from stream_rfm.table.entries import Entries
from stream_rfm.table.groups import Groups


@dataclass(frozen=True, slots=True)
class Left:
    """Entries that leave the window.

    Attributes:
        positions: where they are.
        place: the event at which each one's leaving is noticed.
        orders: how many purchases go with it, 1 or 0.
        money: millionths that go with it.
    """

    positions: Ints
    place: Ints
    orders: Ints
    money: Ints

    @classmethod
    def of(cls, entries: Entries, positions: Ints, place: Ints) -> Left:
        """What these entries take with them."""
        orders = (entries.kind[positions] == Kind.ORDER).astype(np.int64)
        return cls(positions, place, orders, entries.amount[positions])

    @classmethod
    def before(cls, entries: Entries, window: int, as_of: Ints, where: Ints, groups: Groups) -> Left:
        """What leaves before each of some events is scored.

        Args:
            entries: what is remembered; nothing is changed.
            window: its length, in microseconds.
            as_of: for each event of the batch the instant that its customer is scored as of.
            where: places of the events, sorted by their customers' rows.
            groups: of their customers.
        """
        positions = entries.leaving(int(as_of[where].max()) - window)
        if not len(positions):
            return NOTHING_LEFT
        group = np.searchsorted(groups.rows, entries.row[positions])
        touched = groups.rows[np.minimum(group, len(groups.rows) - 1)] == entries.row[positions]
        positions, group = positions[touched], group[touched]
        # The first event in the whole batch late enough, then the first one of the customer from there on.
        moment = np.searchsorted(as_of, entries.at[positions] + window)
        size = len(as_of) + 1
        place = np.searchsorted(groups.number * size + where, group * size + moment)
        late = place < len(where)
        late[late] = groups.number[place[late]] == group[late]
        return cls.of(entries, positions[late], place[late])


_NONE = np.empty(0, np.int64)
NOTHING_LEFT = Left(_NONE, _NONE, _NONE, _NONE)
