from parts import day, order

from stream_rfm.configured import clock_of, rules_of
from stream_rfm.intake.document import Intake
from stream_rfm.model import instant
from stream_rfm.stream.lane import Lane
from stream_rfm.stream.partition_facts import facts_of
from stream_rfm.stream.version_log import VersionLog
from stream_rfm.table.partition import Partition

NOW = instant.parse(day(10))


def lanes_of(settings, *numbers):
    clock = clock_of(settings)
    return {
        number: Lane(Partition(number, rules_of(settings), clock), VersionLog(clock)) for number in numbers
    }


def test_it_says_what_is_known_of_each_by_its_number(deployment):
    lanes = lanes_of(deployment.settings, 5, 2)
    lanes[5].put([order(0, "ann"), order(1, "bob"), order(2, "ann")], Intake("EUR", NOW))
    lanes[5].step(NOW)
    ends, ages = {5: 10, 2: None}, {5: 1.5, 2: None}
    two, five = facts_of(lanes, ends.get, ages.get)
    assert (two.partition, two.lag, two.customers, two.snapshot_age) == (2, None, 0, None)
    assert (five.partition, five.lag, five.customers, five.snapshot_age) == (5, 10 - 3, 2, 1.5)
    assert five.memory == lanes[5].partition.store.nbytes
    assert not five.waiting


def test_an_end_that_is_older_than_what_was_counted_is_no_negative_lag(deployment):
    lanes = lanes_of(deployment.settings, 0)
    lanes[0].put([order(0, "ann"), order(1, "bob")], Intake("EUR", NOW))
    lanes[0].step(NOW)
    [facts] = facts_of(lanes, lambda _: 1, lambda _: None)
    assert facts.lag == 0
