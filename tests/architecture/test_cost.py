"""An order costs what it cost when that was last looked at, but for a tolerance."""

from __future__ import annotations

import json

import cost
import pytest

#: How much more is too much. Versions of Python differ by less; one more loop over orders is more.
TOLERANCE = 0.25


@pytest.fixture(scope="module")
def measured():
    return cost.measured()


@pytest.mark.parametrize("figure", ["python_instructions", "peak_bytes"])
def test_an_order_costs_no_more_than_before(figure, measured):
    kept = json.loads(cost.KEPT.read_text())
    before = kept[figure]
    assert measured[figure] <= before * (1 + TOLERANCE), (
        f"{figure} of an order: {measured[figure]}, and {before} are kept in {cost.KEPT.name}. If that has "
        f"to be, run python tests/architecture/cost.py --keep and say in the commit what is had for it."
    )
    # Later versions of Python do more in one instruction.
    least = before * (1 - TOLERANCE) if kept["python"] == cost.python() else 0
    assert measured[figure] >= least, (
        f"{figure} of an order: only {measured[figure]}, and {before} are kept in {cost.KEPT.name}. Keep "
        f"what was gained: run python tests/architecture/cost.py --keep."
    )


def test_a_loop_over_orders_is_seen():
    ids = list(range(cost.ORDERS))
    assert cost.instructions(lambda: [number + 1 for number in ids]) > 4 * cost.ORDERS


def test_objects_that_are_made_are_seen():
    assert cost.peak_bytes(lambda: [b"%d" % number for number in range(cost.ORDERS)]) > 30 * cost.ORDERS
