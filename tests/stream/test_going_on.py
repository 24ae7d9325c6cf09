import pytest

from stream_rfm.configured import clock_of, rules_of
from stream_rfm.stream.going_on import Bounds, go_on
from stream_rfm.table.partition import Partition
from stream_rfm.table.restore import ChangelogError


@pytest.fixture
def partition(deployment):
    made = Partition(4, rules_of(deployment.settings), clock_of(deployment.settings))
    made.position = 50
    return made


@pytest.mark.parametrize(
    ("bounds", "position", "lost"),
    [
        (Bounds(0, 80, 50), 50, 0),
        (Bounds(50, 50, 50), 50, 0),
        (Bounds(60, 80, 50), 60, 10),
        # The group's offsets expire; the state knows where it goes on.
        (Bounds(0, 80, None), 50, 0),
    ],
)
def test_state_goes_on_where_it_ends_or_where_the_topic_begins(partition, bounds, position, lost):
    assert go_on(partition, bounds, has_state=True) == lost
    assert partition.position == position


def test_without_state_it_begins_where_the_topic_does(partition):
    assert go_on(partition, Bounds(7, 80, None), has_state=False) == 0
    assert partition.position == 7


def test_state_that_is_gone_is_said(partition):
    with pytest.raises(ChangelogError, match=r"partition 4 is empty, but orders up to offset 50"):
        go_on(partition, Bounds(0, 80, 50), has_state=False)


def test_topic_that_is_another_one_is_said(partition):
    with pytest.raises(ChangelogError, match=r"counted up to offset 50, but the topic ends at 9"):
        go_on(partition, Bounds(0, 9, None), has_state=True)
