from __future__ import annotations

import asyncio

from stream_rfm.stream.breath import breathe


async def test_what_is_handed_on_from_task_to_task_comes_all_the_way():
    steps = [asyncio.get_running_loop().create_future() for _ in range(5)]

    async def hand_on(number):
        await steps[number]
        steps[number + 1].set_result(None)

    tasks = [asyncio.create_task(hand_on(number)) for number in range(4)]
    await asyncio.sleep(0)
    steps[0].set_result(None)
    await breathe()
    assert steps[-1].done()
    await asyncio.gather(*tasks)
