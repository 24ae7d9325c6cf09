from __future__ import annotations

import os
from decimal import Decimal

import pytest
from events import DAY, HOUR, START

from stream_rfm.configured import FUTURE, clock_of, intake_of, rules_of
from stream_rfm.model import instant
from stream_rfm.settings import Settings, SettingsError, load


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("STREAM_RFM_")]:
        monkeypatch.delenv(name)


def settings(**chosen) -> Settings:
    return load(**chosen)


def refusal(**chosen) -> str:
    with pytest.raises(SettingsError) as refused:
        rules_of(settings(**chosen))
    said = str(refused.value)
    assert said.endswith(".")
    return said


@pytest.fixture
def grid_file(tmp_path):
    def written(levels: int, more: str = "") -> str:
        path = tmp_path / "own.toml"
        path.write_text(f'levels = {levels}\n[[segments]]\nname = "all"\ncodes = "xxx"\n{more}')
        return str(path)

    return written


def test_the_defaults_are_those_of_the_contract():
    rules = rules_of(settings())
    assert (rules.grid.name, rules.levels, rules.best, rules.method) == (
        "classic-5",
        5,
        "high",
        "inverted_cdf",
    )
    assert (rules.window, rules.dedupe, rules.backfill) == (365 * DAY, 7 * DAY, DAY)
    assert (rules.exact_up_to, rules.min_customers, rules.fixed) == (100_000, 100, ())


@pytest.mark.parametrize(
    ("levels", "name"), [(5, "classic-5"), (3, "three-level"), (4, "codes"), (10, "codes")]
)
def test_levels_without_a_grid_choose_the_grid_that_goes_with_them(levels, name):
    rules = rules_of(settings(levels=levels))
    assert (rules.grid.name, rules.levels) == (name, levels)


@pytest.mark.parametrize(("name", "levels"), [("classic-5", 5), ("three-level", 3), ("lifecycle", 3)])
def test_a_grid_without_levels_brings_its_own(name, levels):
    assert rules_of(settings(grid=name)).levels == levels


def test_a_grid_file_brings_its_own_levels(grid_file):
    rules = rules_of(settings(grid=grid_file(4)))
    assert (rules.grid.name, rules.levels) == ("own", 4)


def test_a_grid_and_levels_that_agree_are_fine():
    assert rules_of(settings(grid="three-level", levels=3)).grid.name == "three-level"


def test_a_grid_and_levels_that_differ_are_refused():
    assert refusal(grid="three-level", levels=5) == (
        "Grid three-level has 3 levels and STREAM_RFM_LEVELS is 5: choose another STREAM_RFM_GRID "
        "(codes fits any number of levels) or other levels."
    )


@pytest.mark.parametrize("levels", [2, 5, 10])
def test_the_grid_codes_fits_any_number_of_levels(levels):
    rules = rules_of(settings(grid="codes", levels=levels))
    assert (rules.grid.name, rules.levels) == ("codes", levels)


def test_the_environment_chooses_as_arguments_do(monkeypatch):
    monkeypatch.setenv("STREAM_RFM_LEVELS", "3")
    monkeypatch.setenv("STREAM_RFM_WINDOW_DAYS", "null")
    rules = rules_of(load())
    assert (rules.grid.name, rules.window) == ("three-level", None)


@pytest.mark.parametrize("name", ["classic-6", "no/such/file.toml"])
def test_a_grid_that_does_not_exist_is_refused_with_its_setting(name):
    said = refusal(grid=name)
    assert name in said
    assert "STREAM_RFM_GRID" in said


def test_a_grid_that_is_not_total_is_refused_with_its_setting(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('levels = 2\n[[segments]]\nname = "a"\ncodes = "1xx 21x 221"\n')
    said = refusal(grid=str(path))
    assert "code 222 belongs to no segment" in said
    assert "STREAM_RFM_GRID" in said


def test_all_time_is_no_window():
    assert rules_of(settings(window_days=None)).window is None


def test_durations_may_be_parts_of_days_and_hours():
    rules = rules_of(settings(window_days=0.5, dedupe_days=0, backfill_hours=1.5))
    assert (rules.window, rules.dedupe, rules.backfill) == (DAY // 2, 0, 3 * HOUR // 2)


def test_thresholds_of_the_settings_are_fixed_cut_points():
    thresholds = {"recency_days": (30, 90), "frequency": (1, 4), "monetary": ("12.50", "100")}
    rules = rules_of(settings(levels=3, quantiles="fixed", thresholds=thresholds))
    assert {name: cuts.thresholds for name, cuts in rules.fixed} == {
        "recency": (30 * DAY, 90 * DAY),
        "frequency": (1, 4),
        "monetary": (12_500_000, 100_000_000),
    }


def test_thresholds_of_a_grid_hold_where_the_settings_have_none():
    assert dict(rules_of(settings(grid="lifecycle")).fixed)["frequency"].thresholds == (2, 4)
    own = settings(grid="lifecycle", thresholds={"frequency": (1, 9)})
    assert dict(rules_of(own).fixed)["frequency"].thresholds == (1, 9)


@pytest.mark.parametrize(
    ("name", "dimension", "numbers"),
    [
        ("recency_days", "recency", (1.0, 2.0)),
        ("frequency", "frequency", (1, 2, 3, 4, 5)),
        ("frequency", "frequency", (4, 3, 2, 1)),
        ("monetary", "monetary", ("1", "2", "3")),
    ],
)
def test_thresholds_that_do_not_fit_are_refused_with_their_setting(name, dimension, numbers):
    said = refusal(thresholds={name: numbers})
    assert f"The fixed thresholds of {dimension} must be 4 ascending numbers" in said
    assert f"STREAM_RFM_THRESHOLDS__{name.upper()}" in said


def test_thresholds_that_are_no_numbers_are_refused_with_their_setting():
    said = refusal(levels=3, thresholds={"monetary": ("1", "x")})
    assert "The fixed thresholds of monetary are not all numbers" in said
    assert "STREAM_RFM_THRESHOLDS__MONETARY" in said


def test_fixed_quantiles_without_thresholds_are_refused_with_their_setting():
    said = refusal(quantiles="fixed", thresholds={"frequency": (1, 2, 3, 4)})
    assert "need thresholds for recency, frequency and monetary value" in said
    assert "STREAM_RFM_QUANTILES" in said


def test_thresholds_of_a_grid_file_that_do_not_fit_are_refused_with_the_grid(grid_file):
    said = refusal(grid=grid_file(3, "[thresholds]\nfrequency = [1]\n"))
    assert "The fixed thresholds of frequency must be 2 ascending numbers" in said
    assert "STREAM_RFM_GRID" in said


def test_each_clock_has_an_interval_of_its_own():
    wall = clock_of(settings(rescore_seconds=5, rescore_event_seconds=3600))
    event = clock_of(settings(clock="event", rescore_seconds=5, rescore_event_seconds=3600))
    assert (wall.mode, wall.interval) == ("wall", 5 * instant.SECOND)
    assert (event.mode, event.interval) == ("event", HOUR)


def test_the_intake_has_the_currencies_and_a_little_patience_with_other_clocks():
    intake = intake_of(settings(currency="CHF", rates={"eur": "0.95"}), START)
    assert (intake.currency, intake.rates) == ("CHF", {"EUR": Decimal("0.95")})
    assert intake.latest == START + FUTURE == START + 300 * instant.SECOND


@pytest.mark.parametrize("rate", ["0", "-1", "x", "nan", ""])
def test_a_rate_that_is_no_number_above_zero_is_refused_with_its_setting(rate):
    with pytest.raises(SettingsError) as refused:
        intake_of(settings(rates={"USD": rate}), START)
    assert str(refused.value) == (
        f"STREAM_RFM_RATES__USD must be a decimal number above zero (it is {rate!r})."
    )
