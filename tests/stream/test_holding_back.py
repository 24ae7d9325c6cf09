from types import SimpleNamespace

import pytest

from stream_rfm.stream.holding_back import HoldingBack


@pytest.fixture
def told():
    return []


@pytest.fixture
def holding_back(told):
    made = HoldingBack()
    made.pause = lambda number: told.append(("pause", number))
    made.resume = lambda number: told.append(("resume", number))
    return made


def lane(number, *, much=False, little=False):
    return SimpleNamespace(number=number, waiting=SimpleNamespace(is_much=much, is_little=little))


def test_it_holds_back_once_what_is_much_until_it_is_little(holding_back, told):
    holding_back.hold(lane(1))
    holding_back.hold(lane(2, much=True))
    holding_back.hold(lane(2, much=True))
    holding_back.let_go(lane(2))
    assert told == [("pause", 2)]
    holding_back.let_go(lane(2, little=True))
    holding_back.let_go(lane(2, little=True))
    assert told == [("pause", 2), ("resume", 2)]


def test_what_was_never_held_back_is_not_let_go(holding_back, told):
    holding_back.let_go(lane(1, little=True))
    assert told == []


def test_after_partitions_have_moved_none_is_held_back(holding_back, told):
    holding_back.hold(lane(2, much=True))
    holding_back.forget()
    holding_back.let_go(lane(2, little=True))
    holding_back.hold(lane(2, much=True))
    assert told == [("pause", 2), ("pause", 2)]
