import asyncio

import pytest

from stream_rfm.stream import cancellation


async def test_cancellation_of_somebody_else_is_not_ones_own():
    other = asyncio.create_task(asyncio.sleep(60))
    other.cancel()
    with pytest.raises(asyncio.CancelledError):
        await other
    assert not cancellation.is_wanted()


async def test_who_is_wanted_to_end_is_told():
    told = []

    async def work():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            told.append(cancellation.is_wanted())
            raise

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == [True]
