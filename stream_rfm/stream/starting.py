"""Starting the clients that Faust keeps: it tries once, and Kafka may be away for a moment just then.

The clients of our own wait as well; so a worker waits for Kafka whenever it starts, and does not end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mode import Service

from stream_rfm.kafka import connection

Step = Callable[[], Awaitable[None]]


async def when_there(service: Service, start: Step, give_up: Step) -> None:
    """Start the client of a service as soon as Kafka is there, unless the service is stopped before.

    Args:
        service: whose client it is.
        start: makes a client and starts it.
        give_up: closes that client, as one that failed is not to be used again.
    """
    async for attempt in connection.until_there().copy(sleep=service.sleep):
        with attempt:
            started = False
            try:
                started = not service.should_stop and not (await service.wait(start())).stopped
            finally:
                if not started:
                    await give_up()
