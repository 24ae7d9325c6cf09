"""A worker that takes partitions over, and a successor that has written them meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

from stream_rfm.serve.redis_calls import Held
from stream_rfm.settings import KafkaSettings
from stream_rfm.stream.edges import edges


class OvertakenError(Exception):
    """Somebody else has committed while a partition was taken over; trying again finds that."""


async def check_ends(
    kafka: KafkaSettings, topic: str, app_id: str, held: Mapping[int, Held], ends: Mapping[int, int]
) -> None:
    """See whether changelogs have grown of which Redis says more than there was when Kafka was asked.

    Then a successor has written there, of whom this worker has not heard, as it slept; and not a deployment
    with another changelog, whose customers would be replaced, whatever their revisions.

    Args:
        kafka: where the broker is.
        topic: the changelog.
        app_id: the deployment.
        held: what Redis says that it holds of partitions.
        ends: the offsets behind the changelog of each, as they were before Redis was asked.

    Raises:
        OvertakenError: a changelog has grown.
    """
    said = {number: each.watermark for number, each in held.items() if each.watermark is not None}
    beyond = [n for n, each in said.items() if each.app_id == app_id and each.offset > ends[n]]
    _, later = await edges(kafka, topic, beyond)
    grown = [number for number in beyond if later[number] > ends[number]]
    if grown:
        raise OvertakenError(f"Another worker has written partitions {grown} while they were taken over.")
