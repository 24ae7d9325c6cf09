from __future__ import annotations

from dataclasses import replace

import pytest
from events import DAY
from scorer import CUTS, GRID

from stream_rfm.model.era import Era
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table.clock import Clock
from stream_rfm.table.marker import SCHEMA, Marker, fingerprint_of, version_value
from stream_rfm.table.rules_in_force import RulesInForce

WALL = Clock("wall", DAY)
FORMER = Rules(GRID, window=60 * DAY, dedupe=90 * DAY)
OURS = Rules(GRID, window=30 * DAY)


def version(number: int, rules: Rules) -> Version:
    return replace(Version(number, number * DAY, 9, CUTS), rules=rules.fingerprint())


def marker(applied: Version | None = None, position: int = 0) -> Marker:
    """Where a partition stands."""
    return Marker(SCHEMA, "", position, 0, 0, 0, 0, applied and version_value(applied))


@pytest.fixture
def ours():
    return RulesInForce(OURS, WALL)


@pytest.fixture
def changed(ours):
    """Ours, behind a changelog whose customers stand by former ones since the second version."""
    former = RulesInForce(FORMER, WALL)
    assert ours.go_on(former.marked(marker(version(2, FORMER), position=7), scoring=False)) is not None
    return ours


def test_nobody_stands_by_others_at_first(ours):
    assert not ours.changed
    assert ours.made(version(1, OURS))
    assert ours.made(Version(1, DAY))
    assert not ours.made(version(1, FORMER))
    assert not ours.forgets(Version(0, 0))
    assert ours.forgets(version(1, OURS))
    said = ours.marked(marker(), scoring=False)
    assert (said.fingerprint, said.eras) == (fingerprint_of(OURS, WALL), (Era.of(OURS, 0),))


def test_a_changelog_of_ours_goes_on_as_it_was(ours):
    said = ours.marked(marker(version(4, OURS)), scoring=False)
    again = RulesInForce(OURS, WALL)
    assert again.go_on(said) is None
    assert not again.changed
    assert again.marked(marker(version(4, OURS)), scoring=False) == said


def test_a_changelog_without_a_version_has_nobody_who_stands_by_any(ours):
    former = RulesInForce(FORMER, WALL).marked(marker(), scoring=False)
    assert ours.go_on(former) is None
    assert not ours.changed


def test_of_former_rules_a_version_that_does_not_say_whose_it_is_is_not_ours(changed):
    assert changed.changed
    assert not changed.made(Version(3, DAY))
    assert changed.made(version(3, OURS))
    assert not changed.forgets(version(3, OURS))


def test_the_changelog_says_what_it_said_until_a_version_of_ours_is_applied(changed):
    said = changed.marked(marker(version(2, FORMER), position=9), scoring=False)
    assert (said.fingerprint, said.eras) == (fingerprint_of(FORMER, WALL), (Era.of(FORMER, 0),))
    assert (said.position, said.applied.number) == (9, 2)


def test_while_it_is_applied_both_are_said_and_then_ours(changed):
    third = version(3, OURS)
    changed.begin(third)
    said = changed.marked(marker(version(2, FORMER), position=9), scoring=True)
    assert (said.fingerprint, said.position) == (fingerprint_of(OURS, WALL), 9)
    assert said.eras == (Era.of(FORMER, 0), Era.of(OURS, 3))
    assert said.applied.number == 2
    changed.scored()
    assert not changed.changed
    assert changed.marked(marker(third), scoring=False).eras == (Era.of(OURS, 3),)
    assert not changed.forgets(third)
    assert changed.forgets(version(4, OURS))


def test_whoever_is_interrupted_while_it_is_applied_goes_on_with_both(changed):
    changed.begin(version(3, OURS))
    said = changed.marked(marker(version(2, FORMER)), scoring=True)
    again = RulesInForce(OURS, WALL)
    assert again.go_on(said) == ((Era.of(FORMER, 0),), 3)
    again.begin(version(4, OURS))
    assert again.marked(marker(version(2, FORMER)), scoring=True).eras == said.eras


def test_versions_of_others_go_by_and_forget_what_they_would_have_forgotten(ours):
    former = RulesInForce(FORMER, WALL)
    assert ours.passed(version(1, FORMER), ours.marked(marker(), scoring=False)) == -1
    assert ours.changed
    before = former.marked(marker(version(99, FORMER)), scoring=False)
    assert RulesInForce(OURS, WALL).passed(version(100, FORMER), before) == 10 * DAY
