"""Where long work lets the event loop have its turn."""

from __future__ import annotations

import asyncio

# An answer from a socket goes through as many tasks, each of which has its turn in another round of the loop.
_ROUNDS = 6


async def breathe() -> None:
    """Let others do what they can: what has come is taken all the way, and what follows from it is sent."""
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)
