"""Requests of one kind on their way to Kafka, answered by a test instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Answer:
    """An answer that did not come from Kafka."""

    def __init__(self, **said: Any) -> None:
        vars(self).update(said)


def intercept(client: Any, kind: type, instead: Callable[[Any], Any]) -> list[Any]:
    """Have each request of a kind answered by what is called with it, or by Kafka; gives the requests."""
    requests: list[Any] = []
    send = client.send

    async def sent(node: int, request: Any, **options: Any) -> Any:
        if not isinstance(request, kind):
            return await send(node, request, **options)
        requests.append(request)
        return instead(request) or await send(node, request, **options)

    client.send = sent
    return requests
