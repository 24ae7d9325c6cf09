import pytest
from parts import day, order

from stream_rfm.app import create_app
from stream_rfm.configured import clock_of, rules_of
from stream_rfm.intake.document import Intake
from stream_rfm.model import instant
from stream_rfm.stream.lane import Lane
from stream_rfm.stream.version_log import VersionLog
from stream_rfm.table.partition import Partition

NOW = instant.parse(day(3))
RUNS = (
    [order(0, "c-a"), order(1, "c-b")],
    [order(0, "c-c"), order(1, "c-d"), order(2, "c-d", type="erase")],
)


@pytest.fixture
def table(deployment):
    """The table of an app that has two partitions; one customer of the second was erased."""
    settings = deployment.settings
    app = create_app(settings)
    for number, run in enumerate(
        (
            [order(0, "c-a"), order(1, "c-b")],
            [order(0, "c-c"), order(1, "c-d"), order(2, "c-d", type="erase")],
        )
    ):
        clock = clock_of(settings)
        lane = Lane(Partition(number, rules_of(settings), clock), VersionLog(clock))
        lane.put(run, Intake("EUR", NOW))
        while lane.ready:
            lane.step(NOW)
        app.writer.lanes[number] = lane
    [made] = app.tables.values()
    return made


def test_it_is_read_like_any_other(table):
    assert sorted(table) == ["c-a", "c-b", "c-c"]
    assert len(table) == 3
    assert table["c-c"]["segment"] == "unscored"
    assert table["c-c"]["partition"] == 1
    assert "c-a" in table


def test_who_is_not_known_or_was_erased_is_not_in_it(table):
    for customer in ("c-x", "c-d", ""):
        assert customer not in table
        with pytest.raises(KeyError):
            table[customer]


def test_nobody_writes_to_it(table):
    with pytest.raises(TypeError, match="produce an order instead"):
        table["c-a"] = {}
    with pytest.raises(TypeError, match="produce an erase instead"):
        del table["c-a"]


def test_its_changelog_has_the_name_that_faust_gives_it(table, deployment):
    assert table.changelog_topic_name == deployment.topics.changelog.name
