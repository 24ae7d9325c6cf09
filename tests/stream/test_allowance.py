import pytest

from stream_rfm.stream.allowance import Allowance

LONG = 30.0


def slices(allowance, seconds, transitions, others=0, lasted=LONG):
    """How many slices one transaction carries."""
    allowance.begin(others, lasted)
    count = 0
    while allowance.left:
        allowance.spend(seconds, transitions, 1_000)
        count += 1
    return count


def learned(seconds_each, transactions=30):
    allowance = Allowance()
    for _ in range(transactions):
        allowance.learn(seconds_each * 1_000, 1_000)
    return allowance


@pytest.mark.parametrize(
    ("each", "transitions"),
    [(20e-6, 3_000), (1e-6, 8_000), (1.0, 250)],
)
def test_a_transaction_carries_what_can_be_made_in_a_while_within_bounds(each, transitions):
    assert slices(learned(each), 0, 100) == pytest.approx(transitions / 100, abs=1)


def test_slices_without_transitions_end_with_their_time():
    assert slices(Allowance(), 0.011, 0) == 4


def rows_after(allowance, transitions, rows):
    allowance.begin(0, LONG)
    allowance.spend(0.0, transitions, rows)
    return allowance.rows


def test_a_slice_has_as_many_rows_as_may_move_and_not_many_more():
    allowance = learned(20e-6)
    assert rows_after(allowance, 2_800, 2_800) == 200
    assert rows_after(allowance, 2_800, 5_600) == 400
    assert rows_after(allowance, 2_999, 2_999) == 100
    assert rows_after(allowance, 0, 1_000) == 1_000


def test_the_first_slice_of_a_transaction_may_move_as_a_whole():
    allowance = learned(20e-6)
    allowance.begin(0, LONG)
    assert allowance.rows == 1_000
    allowance.begin(0, 0.0)
    assert allowance.rows == pytest.approx(300, abs=1)


def test_orders_go_first_and_yet_a_rescoring_ends():
    allowance = learned(20e-6)
    assert slices(allowance, 0, 100, others=1_000) == pytest.approx(20, abs=1)
    assert slices(allowance, 0, 100, others=90_000) == 3


def test_each_transaction_begins_anew():
    allowance = learned(20e-6)
    assert slices(allowance, 0, 100) == slices(allowance, 0, 100)


def test_a_small_transaction_says_nothing_of_what_a_transition_takes():
    allowance = Allowance()
    before = slices(allowance, 0, 100)
    allowance.learn(5.0, 10)
    assert slices(allowance, 0, 100) == before


@pytest.mark.parametrize(("lasted", "part"), [(0.0, 0.1), (10.0, 0.4), (20.0, 0.7), (30.0, 1.0)])
def test_the_longer_a_rescoring_has_lasted_the_more_is_carried(lasted, part):
    allowance = learned(20e-6)
    assert slices(allowance, 0, 1, lasted=lasted) == pytest.approx(3_000 * part, abs=2)
    assert slices(allowance, 0.001, 0, lasted=lasted) == pytest.approx(40 * part, abs=1)


def test_one_that_does_not_end_carries_ever_more_within_bounds():
    allowance = learned(20e-6)
    assert slices(allowance, 0, 1, lasted=60.0) == pytest.approx(3_000 * 1.9, abs=2)
    assert slices(allowance, 0, 1, lasted=900.0) == 8_000
    assert slices(allowance, 0.001, 0, lasted=900.0) == pytest.approx(40, abs=1)
