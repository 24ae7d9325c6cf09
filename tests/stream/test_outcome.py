import pytest
from parts import Record

from stream_rfm.model.order import Reason, Rejected
from stream_rfm.stream.outcome import Outcome

REASON = Rejected(Reason.TOMBSTONE, "the record has no value")


def refused(count, size):
    outcome = Outcome()
    outcome.refuse([(Record(number, None, bytes(size)), REASON) for number in range(count)])
    return outcome


@pytest.mark.parametrize(("count", "size", "full"), [(7_999, 1, False), (8_000, 0, True), (8, 1 << 20, True)])
def test_many_or_large_dead_letters_are_enough_for_one_transaction(count, size, full):
    assert refused(count, size).is_full(8) == full


def test_events_are_enough_and_nothing_is_not():
    assert not Outcome().is_full(8)
    assert Outcome(events=8_000).is_full(8)


@pytest.mark.parametrize(("partitions", "most"), [(1, 64_000), (4, 16_000), (8, 8_000), (64, 8_000)])
def test_of_few_partitions_a_transaction_holds_more_of_each(partitions, most):
    assert not Outcome(events=most - 1).is_full(partitions)
    assert Outcome(events=most).is_full(partitions)


def test_dead_letters_are_behind_those_already_there():
    outcome = refused(2, 3)
    outcome.refuse([(Record(2, b"k", b"v"), REASON)])
    assert [record.offset for record, _ in outcome.dead_letters] == [0, 1, 2]
    assert outcome.dead_bytes == 8
