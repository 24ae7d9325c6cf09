"""Something that starts, runs beside the rest and stops, as a service of the worker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mode import Service

Step = Callable[[], Awaitable[Any]]


class Background(Service):
    """Makes a service out of coroutines, so that what does the work needs to know nothing of services."""

    def __init__(
        self, name: str, start: Step | None = None, stop: Step | None = None, run: Step | None = None
    ) -> None:
        """Name it, and say what it does.

        Args:
            name: for logs.
            start: before others start.
            stop: after others have stopped.
            run: in between, until cancelled.
        """
        super().__init__()
        self._name = name
        self._start = start
        self._stop = stop
        self._run = run

    @property
    def label(self) -> str:
        """What it is called in logs."""
        return self._name

    async def on_start(self) -> None:
        """Start."""
        if self._start is not None:
            await self._start()
        if self._run is not None:
            self.add_future(self._run())

    async def on_stop(self) -> None:
        """Stop."""
        if self._stop is not None:
            await self._stop()
