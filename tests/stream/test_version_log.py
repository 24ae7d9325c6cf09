from parts import day, order

from stream_rfm.configured import rules_of
from stream_rfm.intake import records
from stream_rfm.intake.document import Intake
from stream_rfm.model import instant
from stream_rfm.model.version import Version
from stream_rfm.stream.version_log import VersionLog
from stream_rfm.table.clock import Clock
from stream_rfm.table.partition import Partition

INTERVAL = instant.DAY
AT = instant.parse(day(0))


def version(number):
    return Version(number, AT + number * INTERVAL)


def test_only_what_is_newer_is_news():
    log = VersionLog(Clock("wall", INTERVAL))
    assert [log.add(version(number)) for number in (3, 3, 2, 5)] == [True, False, False, True]
    assert log.latest == version(5)
    assert 2 in log
    assert log[3] == version(3)


def test_with_the_wall_clock_a_partition_goes_to_the_latest_and_old_ones_are_forgotten(deployment):
    clock = Clock("wall", INTERVAL)
    log, partition = VersionLog(clock), Partition(0, rules_of(deployment.settings), clock)
    assert log.next_for(partition) is None
    for number in range(1, 30):
        log.add(version(number))
    assert log.next_for(partition) == version(29)
    assert 29 in log
    assert 1 not in log
    partition.apply(version(29))
    partition.rescore(1)
    assert log.next_for(partition) is None


def test_with_the_event_clock_none_is_left_out_and_none_comes_before_it_is_waited_for(deployment):
    clock = Clock("event", INTERVAL)
    log, partition = VersionLog(clock), Partition(0, rules_of(deployment.settings), clock)
    for number in range(30):
        log.add(version(number))
    assert log.next_for(partition) == version(0)
    partition.apply(version(0))
    partition.rescore(1)
    assert log.next_for(partition) is None
    later = [order(0, "c", ts=day(2.5))]
    batch = records.read(later, Intake("EUR", AT + 9 * INTERVAL)).batch
    for number in (1, 2):
        partition.advance(batch, 0)
        assert log.next_for(partition) == version(number)
        partition.apply(version(number))
        partition.rescore(1)
    assert partition.advance(batch, 0)[0] == 1
