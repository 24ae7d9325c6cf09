"""What can be said of each partition of a worker, for its metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from stream_rfm.serve.partition_metrics import PartitionFacts
from stream_rfm.stream.lane import Lane


def facts_of(
    lanes: Mapping[int, Lane],
    end_of: Callable[[int], int | None],
    snapshot_age: Callable[[int], float | None],
) -> Iterator[PartitionFacts]:
    """The facts of partitions, by their numbers.

    Args:
        lanes: the partitions.
        end_of: says how far the orders of a partition go, as an offset; ``None`` where Kafka has not told.
        snapshot_age: says how many seconds ago a partition's snapshot was its state; ``None`` without one.
    """
    for number, lane in sorted(lanes.items()):
        partition, end = lane.partition, end_of(number)
        yield PartitionFacts(
            partition=number,
            lag=None if end is None else max(0, end - partition.position),
            customers=partition.store.customers.living,
            memory=partition.store.nbytes,
            waiting=partition.waiting,
            clock_ahead=lane.clock_ahead,
            snapshot_age=snapshot_age(number),
        )
