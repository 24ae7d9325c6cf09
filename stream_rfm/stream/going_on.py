"""Where a partition goes on after its state was read back, and whether the topic is still the one it was."""

from __future__ import annotations

from dataclasses import dataclass

from stream_rfm.settings import variable
from stream_rfm.table.partition import Partition
from stream_rfm.table.restore import ChangelogError


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a partition of the orders topic holds, and what the group has committed for it.

    Attributes:
        first: the offset of the first record that is still there.
        end: the offset behind the last.
        committed: the group's offset; ``None`` where it has none, or none any more.
    """

    first: int
    end: int
    committed: int | None


def go_on(partition: Partition, bounds: Bounds, *, has_state: bool) -> int:
    """Set a partition to where it goes on.

    Args:
        partition: with the state that was read back.
        bounds: what the topic holds.
        has_state: whether there was any state.

    Returns:
        How many offsets were deleted from the topic before they were counted.

    Raises:
        ChangelogError: the state is gone, or the topic is another one.
    """
    start_anew = f"to start anew, with all that the topic holds, choose another {variable('app_id')}"
    if not has_state:
        if bounds.committed:
            raise ChangelogError(
                f"The changelog of partition {partition.number} is empty, but orders up to offset "
                f"{bounds.committed} have been counted: bring the changelog back, or, {start_anew}."
            )
        partition.position = bounds.first
        return 0
    if partition.position > bounds.end:
        raise ChangelogError(
            f"Orders of partition {partition.number} were counted up to offset {partition.position}, but "
            f"the topic ends at {bounds.end}: it was cut or made anew; bring it back, or, {start_anew}."
        )
    lost = max(0, bounds.first - partition.position)
    partition.position += lost
    return lost
