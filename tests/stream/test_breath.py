from __future__ import annotations

import asyncio

from stream_rfm.stream.breath import Breath, breathe


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


async def test_others_have_their_turn_only_where_they_have_waited_for_long(monkeypatch):
    turns = []
    breath = Breath()
    monkeypatch.setattr("stream_rfm.stream.breath._HOLD_SECONDS", 1e9)
    asyncio.get_running_loop().call_soon(turns.append, 1)
    await breath.if_held()
    assert turns == []
    monkeypatch.setattr("stream_rfm.stream.breath._HOLD_SECONDS", -1.0)
    await breath.if_held()
    assert turns == [1]
