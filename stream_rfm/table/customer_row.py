"""How what is known of a customer lies in memory: a row of columns."""

from __future__ import annotations

import numpy as np

#: No purchase yet: instants are never negative.
NEVER = -1
#: In no segment yet.
NO_SEGMENT = 0xFFFF

#: A row is 96 bytes, two cache lines, one beside the other: an event touches nearly all of it.
ROW = np.dtype(
    [
        # Who: 128 bits of hash, and where the id stands among the ids.
        ("digest_low", np.uint64),
        ("digest_high", np.uint64),
        # What: the last purchase ever, the last one that is no longer remembered, and the window's totals.
        ("last", np.int64),
        ("monetary", np.int64),
        ("lifetime_monetary", np.int64),
        ("frequency", np.int32),
        ("lifetime_orders", np.int32),
        # Where: as of when, in which segment, with which scores (0: none), and how often that changed.
        ("scored_at", np.int64),
        ("sequence", np.uint32),
        ("revision", np.uint32),
        ("version", np.uint32),
        ("segment", np.uint16),
        ("r", np.uint8),
        ("f", np.uint8),
        ("m", np.uint8),
        ("id_length", np.uint16),
        ("id_start", np.int64),
        ("last_forgotten", np.int64),
    ],
    align=True,
)
#: The names of all columns.
COLUMNS = ROW.names or ()
#: Those that are counted from the entries when state comes back.
COUNTED = ("frequency", "monetary")
