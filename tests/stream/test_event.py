import asyncio

from stream_rfm.stream.event import came


async def test_an_event_is_waited_for():
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, event.set)
    assert await came(event, 60)
    assert await came(event, 0)


async def test_one_that_does_not_come_is_not_waited_for_for_ever():
    event = asyncio.Event()
    assert not await came(event, 0.01)
    assert not await came(event, -1)
