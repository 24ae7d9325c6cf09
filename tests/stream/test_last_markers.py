import pytest
from members import member_of
from parts import heartbeat, order, parts_of

from stream_rfm.stream.last_markers import last_markers
from stream_rfm.table.marker import read_marker


@pytest.fixture
async def markers(declared):
    settings, changelog = declared.settings, declared.topics.changelog
    async with last_markers(settings.kafka, changelog.name, changelog.partitions) as last:

        async def positions():
            return [None if value is None else read_marker(value).position for value in await last.look()]

        yield positions


async def test_they_follow_the_commits_of_each_partition(declared, markers):
    assert await markers() == [None, None, None]
    async with member_of(declared) as member, parts_of(declared.settings) as parts:
        await parts.take_over(member.membership, 0, 1, 2)
        await parts.count(member.membership, 1, order(0, "c-1"), order(1, "c-2"))
        assert (await markers())[1] == 2
        await parts.count(member.membership, 1, heartbeat(2, "2025-01-02T00:00:00Z"))
        await parts.count(member.membership, 0, order(0, "c-3"))
        # Those that have counted nothing may have reported that, and ended that with a marker.
        for _ in range(2):
            assert await markers() in ([1, 3, None], [1, 3, 0])
