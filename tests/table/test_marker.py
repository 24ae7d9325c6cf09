from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from events import DAY
from scorer import CUTS, GRID

from stream_rfm.model.era import Era
from stream_rfm.model.grid import every_code_its_own
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table.clock import Clock
from stream_rfm.table.marker import Marker, fingerprint_of, read_marker, version_value
from stream_rfm.table.partition import Partition
from stream_rfm.table.restore import ChangelogError

RULES = Rules(GRID, window=30 * DAY, min_customers=1)
DAILY, WALL = Clock("event", DAY), Clock("wall", DAY)


def written(rules: Rules = RULES, clock: Clock = WALL, **others) -> Marker:
    [(_, value)] = Partition(0, rules, clock).records([])
    return msgspec.structs.replace(read_marker(value), **others)


def by_an_earlier_release(rules: Rules = RULES) -> Marker:
    """As they were: eight values, and another fingerprint."""
    values = msgspec.msgpack.decode(msgspec.msgpack.encode(written(rules)))[:8]
    return read_marker(msgspec.msgpack.encode([1, f"{rules.older_fingerprint()}-wall", *values[2:]]))


def test_a_marker_that_cannot_be_read_is_refused():
    with pytest.raises(ChangelogError, match="marker cannot be read"):
        read_marker(b"\xc1")


def test_a_newer_schema_is_refused():
    [*_, (_, value)] = Partition(0, RULES, DAILY).records([])
    marker = msgspec.msgpack.decode(value)
    newer = msgspec.msgpack.encode([2, *marker[1:]])
    with pytest.raises(ChangelogError, match="has schema 2 and this release reads 1"):
        read_marker(newer)


def test_it_says_which_version_was_applied():
    version = Version(3, 5 * DAY, 9, CUTS)
    assert written(version=version_value(version)).applied == version
    assert written(version=None).applied is None


@pytest.mark.parametrize(
    "other", [replace(RULES, window=None), replace(RULES, best="low"), replace(RULES, exact_up_to=1)]
)
def test_state_may_go_on_by_other_rules_once_everybody_is_scored_by_them(other):
    marker = written()
    assert marker.is_made_by(RULES, WALL)
    assert not marker.is_made_by(other, WALL)
    marker.check(other, WALL)
    begun = msgspec.structs.replace(
        marker, fingerprint=fingerprint_of(other, WALL), eras=(*marker.eras, Era.of(other, 3))
    )
    assert not begun.is_made_by(other, WALL)


def test_another_clock_is_refused():
    with pytest.raises(
        ChangelogError, match=r"another clock: go back to the STREAM_RFM_CLOCK .* another STREAM_RFM_APP_ID"
    ):
        written().check(RULES, DAILY)
    with pytest.raises(ChangelogError, match="another clock"):
        written(clock=DAILY).check(RULES, Clock("event", DAY // 2))
    written().check(RULES, Clock("wall", DAY // 2))


def test_another_currency_is_refused():
    with pytest.raises(
        ChangelogError, match=r"is in EUR and STREAM_RFM_CURRENCY is USD, .* another STREAM_RFM_APP_ID"
    ):
        written().check(replace(RULES, currency="USD"), WALL)


def test_state_of_an_earlier_release_goes_on_by_the_same_rules_only():
    marker = by_an_earlier_release(replace(RULES, best="low"))
    assert marker.is_made_by(replace(RULES, best="low"), WALL)
    marker.check(RULES, WALL)
    with pytest.raises(ChangelogError, match=r"by other rules and by an earlier release, .* start once"):
        marker.check(replace(RULES, window=None), WALL)


def test_what_former_rules_forgot_is_known_by_the_version_applied():
    marker = written(version=(3, 100 * DAY, 9, None), forgotten=20 * DAY)
    assert marker.forgotten_by(RULES, WALL) == 20 * DAY
    assert marker.forgotten_by(replace(RULES, window=None), WALL) == 70 * DAY
    later = msgspec.structs.replace(marker, forgotten=90 * DAY)
    assert later.forgotten_by(replace(RULES, window=None), WALL) == 90 * DAY
    for_ever = written(replace(RULES, window=None), version=(3, 100 * DAY, 9, None))
    assert for_ever.forgotten_by(RULES, WALL) == -1


def test_rules_have_forgotten_what_their_own_versions_say_but_for_the_first():
    later = Version(9, 100 * DAY)
    marker = written(eras=(Era.of(RULES, 8),), forgotten=20 * DAY)
    assert marker.forgotten_as_of(later) == 70 * DAY
    assert marker.forgotten_as_of(replace(later, rules=RULES.fingerprint())) == 70 * DAY
    assert marker.forgotten_as_of(replace(later, number=8)) == 20 * DAY
    assert marker.forgotten_as_of(replace(later, rules=replace(RULES, best="low").fingerprint())) == 20 * DAY


def test_more_former_segments_than_there_are_numbers_are_refused():
    large = Era.of(replace(RULES, grid=every_code_its_own(10)), 0)
    other = replace(RULES, best="low")
    held = written(version=(3, 100 * DAY, 9, None), eras=(large,) * 32)
    held.check(other, WALL)
    more = msgspec.structs.replace(held, eras=(large,) * 33)
    with pytest.raises(ChangelogError, match=r"rules of 33 changes .* go back to the last rules"):
        more.check(other, WALL)
    # With the last rules themselves it can go on.
    more.check(RULES, WALL)
