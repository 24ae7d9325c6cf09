from types import SimpleNamespace

import pytest

from stream_rfm.demo.agreement import disagreement

EXPORTED = {"1": "lost", "2": "new"}
CACHED = {"1": SimpleNamespace(segment="lost", sequence=3), "2": SimpleNamespace(segment="new", sequence=1)}


def test_what_is_the_same_everywhere_agrees(board):
    board.orders = board.total
    assert disagreement(board, EXPORTED, CACHED) is None


@pytest.mark.parametrize(
    ("exported", "cached", "said"),
    [
        (EXPORTED | {"2": "lost"}, CACHED, "2 is in new by the transitions and in lost by the exported"),
        (EXPORTED | {"3": "new"}, CACHED, "3 is nowhere by the transitions and in new by the exported"),
        ({"1": "lost"}, CACHED, "2 is in new by the transitions and nowhere by the exported state"),
        (EXPORTED, CACHED | {"1": SimpleNamespace(segment="new", sequence=3)}, "1 is in lost"),
        (EXPORTED, CACHED | {"1": SimpleNamespace(segment="lost", sequence=2)}, "1 is in lost"),
        (EXPORTED, CACHED | {"2": None}, "2 is in new by the transitions and nowhere by the cache"),
    ],
)
def test_any_difference_is_named(board, exported, cached, said):
    board.orders = board.total
    assert f"Customer {said}" in disagreement(board, exported, cached)


def test_orders_that_were_not_counted_are_a_difference(board):
    board.orders = 3
    assert disagreement(board, EXPORTED, CACHED) == "3 of 4 orders were counted."
