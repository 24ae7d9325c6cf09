"""From settings to the values of the model: rules, clock and intake."""

from __future__ import annotations

from decimal import Decimal

from stream_rfm.intake.document import Intake
from stream_rfm.model import grid, instant, money
from stream_rfm.model.grid import Grid, GridError
from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.rules import DIMENSIONS, Rules, RulesError, check_fixed, fixed_cut_points
from stream_rfm.settings import Settings, SettingsError, variable
from stream_rfm.table.clock import Clock

#: How far an event's time may lie in the future, for clocks that do not agree.
FUTURE = 5 * 60 * instant.SECOND

_GRID_OF_LEVELS = {5: "classic-5", 3: "three-level"}


def rules_of(settings: Settings) -> Rules:
    """The rules that the settings choose.

    Raises:
        SettingsError: they do not fit together, or the grid cannot be used; names what to change.
    """
    chosen = _grid_of(settings)
    fixed = _fixed_of(settings, chosen)
    try:
        return Rules(
            grid=chosen,
            window=None if settings.window_days is None else instant.from_days(settings.window_days),
            method=settings.quantiles,
            fixed=fixed,
            best=settings.best,
            exact_up_to=settings.exact_up_to,
            min_customers=settings.min_customers,
            dedupe=instant.from_days(settings.dedupe_days),
            backfill=round(settings.backfill_hours * 3600 * instant.SECOND),
            currency=settings.currency,
        )
    except RulesError as error:
        raise SettingsError(f"{variable('quantiles')}: {error}") from None


def clock_of(settings: Settings) -> Clock:
    """The clock that the settings choose."""
    seconds = settings.rescore_event_seconds if settings.clock == "event" else settings.rescore_seconds
    return Clock(settings.clock, seconds * instant.SECOND)


def intake_of(settings: Settings, now: int) -> Intake:
    """What order events are read with at an instant.

    Raises:
        SettingsError: a rate is not a decimal number above zero.
    """
    rates = {}
    for currency, rate in settings.rates.items():
        if not _is_rate(rate):
            name = variable(f"rates.{currency}")
            raise SettingsError(f"{name} must be a decimal number above zero (it is {rate[:40]!r}).")
        rates[currency] = Decimal(rate)
    return Intake(settings.currency, now + FUTURE, rates)


def _is_rate(text: str) -> bool:
    try:
        return money.parse(text) > 0
    except ValueError:
        return False


def _grid_of(settings: Settings) -> Grid:
    """The chosen grid; where none is chosen, the one that goes with the levels."""
    levels = settings.levels
    if settings.chosen("grid"):
        if settings.grid == grid.CODES:
            return grid.every_code_its_own(levels)
        try:
            chosen = grid.load(settings.grid)
        except GridError as error:
            raise SettingsError(f"{variable('grid')}: {error}") from None
        if not settings.chosen("levels") or chosen.levels == levels:
            return chosen
        raise SettingsError(
            f"Grid {settings.grid} has {chosen.levels} levels and {variable('levels')} is {levels}: choose "
            f"another {variable('grid')} ({grid.CODES} fits any number of levels) or other levels."
        )
    name = _GRID_OF_LEVELS.get(levels)
    return grid.load(name) if name else grid.every_code_its_own(levels)


def _fixed_of(settings: Settings, chosen: Grid) -> tuple[tuple[str, CutPoints], ...]:
    """Fixed cut points of the settings, or else of the grid."""
    of_settings = {
        "recency": ("recency_days", settings.thresholds.recency_days),
        "frequency": ("frequency", settings.thresholds.frequency),
        "monetary": ("monetary", settings.thresholds.monetary),
    }
    of_grid = dict(chosen.thresholds)
    fixed = []
    for name in DIMENSIONS:
        setting, own = of_settings[name]
        numbers = own or of_grid.get(name)
        if not numbers:
            continue
        try:
            cuts = fixed_cut_points(name, tuple(map(str, numbers)))
            check_fixed(name, cuts, chosen.levels)
        except RulesError as error:
            named = variable(f"thresholds.{setting}" if own else "grid")
            raise SettingsError(f"{named}: {error}") from None
        fixed.append((name, cuts))
    return tuple(fixed)
