import asyncio

import pytest

from stream_rfm.serve.background import Background


async def test_it_starts_runs_beside_and_stops():
    said = []

    def step(word):
        async def stepped():
            said.append(word)

        return stepped

    async def run():
        said.append("run")
        try:
            await asyncio.sleep(60)
        finally:
            said.append("cancelled")

    service = Background("cache", step("start"), step("stop"), run)
    assert service.label == "cache"
    await service.start()
    await asyncio.sleep(0)
    assert said == ["start", "run"]
    await asyncio.wait_for(service.stop(), 5)
    assert sorted(said) == ["cancelled", "run", "start", "stop"]


async def test_it_may_have_nothing_to_do():
    service = Background("idle")
    await service.start()
    await asyncio.wait_for(service.stop(), 5)


async def test_start_that_fails_fails():
    async def start():
        raise ValueError("no")

    service = Background("broken", start)
    with pytest.raises(ValueError, match="no"):
        await service.start()
    await service.stop()
