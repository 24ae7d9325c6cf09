"""Waiting for an event, but not for ever."""

from __future__ import annotations

import asyncio


async def came(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, so many seconds at most; gives whether it came."""
    if seconds <= 0:
        return event.is_set()
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
