"""Telling a task that is wanted to end from one in which something else was cancelled.

A client that is stopped may let the cancellation of a task of its own escape to whoever waits for it. Taken
for one's own end, it ends a task that nobody wanted to end, and says nothing.
"""

from __future__ import annotations

import asyncio


def is_wanted() -> bool:
    """Whether somebody wants the running task to end; to be asked where ``CancelledError`` was caught."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
