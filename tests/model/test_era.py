from events import DAY

from stream_rfm.model.era import Era
from stream_rfm.model.grid import load
from stream_rfm.model.rules import Rules


def test_it_says_what_is_needed_to_tell_how_a_customer_stood():
    rules = Rules(load("three-level"), window=3 * DAY, dedupe=5 * DAY, best="low", currency="USD")
    assert Era.of(rules, 7) == Era(
        since=7,
        names=rules.grid.names,
        levels=3,
        best="low",
        window=3 * DAY,
        retention=5 * DAY,
        currency="USD",
    )
