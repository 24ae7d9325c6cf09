import pytest

from stream_rfm.stream.pace import Pace


def paced(commit_seconds, commits=100, commit_ms=50, partitions=1):
    """A pace behind so many transactions, one a second, the last one begun at 0."""
    pace = Pace(commit_ms)
    for number in range(commits):
        pace.looked(number - commits + 1.0)
        pace.committed(commit_seconds, partitions)
    return pace


def test_the_first_transaction_waits_for_nothing():
    assert Pace(50).pause(0.0) <= 0


@pytest.mark.parametrize(
    ("commit", "commit_ms", "interval"),
    [
        (0.005, 50, 0.05),
        (0.05, 50, 0.1),
        (0.05, 10, 0.1),
        (0.5, 50, 0.2),
        (0.005, 400, 0.4),
        (2.0, 400, 0.4),
    ],
)
def test_commits_take_half_of_the_time_within_bounds(commit, commit_ms, interval):
    pace = paced(commit, commit_ms=commit_ms)
    assert pace.interval == pytest.approx(interval)
    assert pace.pause(0.01) == pytest.approx(interval - 0.01)


def test_what_comes_to_an_idle_worker_waits_for_nothing_however_often_it_has_looked():
    pace = paced(0.05)
    pace.looked(9.99)
    assert pace.pause(10.0) <= 0


def test_the_first_commit_says_what_to_expect():
    assert paced(0.04, commits=1).interval == pytest.approx(0.08)


def test_commits_that_take_longer_than_others_say_how_much_they_hold():
    pace = paced(0.04)
    before = pace.interval
    pace.looked(5.0)
    pace.committed(0.3, 1)
    assert pace.interval == before
    assert pace.pause(5.0) == pytest.approx(before)


def test_what_the_quickest_took_is_forgotten_in_time():
    pace = paced(0.03)
    for _ in range(20):
        pace.committed(0.05, 1)
    assert pace.interval == pytest.approx(0.1)


def test_what_is_not_committed_is_looked_after_at_least_so_often():
    pace = paced(0.05)
    pace.looked(10.0)
    assert pace.rest(10.01) == pytest.approx(0.04)
    assert pace.rest(10.06) <= 0


@pytest.mark.parametrize(
    ("partitions", "commit_ms", "interval"), [(8, 50, 0.05), (64, 50, 0.192), (64, 400, 0.4), (500, 50, 0.2)]
)
def test_of_many_partitions_more_is_gathered(partitions, commit_ms, interval):
    pace = paced(0.005, commit_ms=commit_ms, partitions=partitions)
    assert pace.interval == pytest.approx(interval)
    pace.committed(0.005, 1)
    assert pace.interval == commit_ms / 1000
