"""Messages into whole record batches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaProducer

from stream_rfm.stream.breath import breathe

Header = tuple[str, bytes]
#: Key, value and headers.
Message = tuple[bytes | None, bytes | None, Sequence[Header]]

#: A record batch stays below the broker's default of 1 MiB for all of them.
BATCH_BYTES = 900_000


async def batches_of(producer: AIOKafkaProducer, messages: list[Message]) -> list[Any]:
    """Messages in closed record batches of a producer, as few as they go into."""
    batches = [producer.create_batch()]
    done = fill(batches[-1], messages, 0)
    while done < len(messages):
        # Some milliseconds of work are done: the event loop gets its turn.
        await breathe()
        batches.append(producer.create_batch())
        done = fill(batches[-1], messages, done)
    return batches


def fill(batch: Any, messages: list[Message], start: int) -> int:
    """Put messages into a new batch from one on, the first of them however large it is.

    It is what ``append`` does for one, in one loop: what that does around the call of its compiled builder
    takes a third of the time.

    Returns:
        Where the first is that does not go into it.
    """
    append = batch._builder.append  # noqa: SLF001 - aiokafka has no other way to it
    for count, (key, value, headers) in enumerate(islice(messages, start, None)):
        if append(count, None, key, value, headers) is None:
            break
    else:
        count = len(messages) - start
    batch._relative_offset = count  # noqa: SLF001 - how many records there are
    batch.close()
    return start + count
