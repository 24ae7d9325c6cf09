"""Where long work lets the event loop have its turn."""

from __future__ import annotations

import asyncio
import time

# An answer from a socket goes through as many tasks, each of which has its turn in another round of the loop.
_ROUNDS = 6
# After so long the event loop gets its turn.
_HOLD_SECONDS = 0.003


async def breathe() -> None:
    """Let others do what they can: what has come is taken all the way, and what follows from it is sent."""
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


class Breath:
    """Knows for how long the event loop has been held."""

    def __init__(self) -> None:
        """Begin to hold it."""
        self._since = time.monotonic()

    async def if_held(self) -> None:
        """Let others have their turn if they have waited for long."""
        if time.monotonic() - self._since > _HOLD_SECONDS:
            await breathe()
            self._since = time.monotonic()
