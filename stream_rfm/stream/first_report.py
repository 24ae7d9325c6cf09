"""Where the worker that makes versions begins to read reports, also where the topic has lost some of them."""

from __future__ import annotations

import logging

from stream_rfm.settings import KafkaSettings
from stream_rfm.stream.edges import edges

log = logging.getLogger(__name__)


async def first_report(kafka: KafkaSettings, topic: str, committed: int | None) -> int:
    """The offset of the first report that no version was made of.

    Where the topic does not hold it, as somebody has deleted records or the topic, it is the first that there
    is: asking for what is gone would be refused for ever. By the wall clock all is reported again soon.

    Args:
        kafka: where the broker is.
        topic: the topic of reports, of one partition.
        committed: how far they were read; ``None`` if never.
    """
    firsts, ends = await edges(kafka, topic, [0])
    position = committed or 0
    if firsts[0] <= position <= ends[0]:
        return position
    if committed is not None:
        log.warning(
            "reports are gone before a version was made of them; where versions stay away, as they may by "
            "the event clock, start the workers anew",
            extra={"topic": topic, "offset": position, "first": firsts[0], "end": ends[0]},
        )
    return firsts[0]
