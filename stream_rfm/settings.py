"""What an operator may choose, and the only module that reads the environment.

Every setting has a name ``STREAM_RFM_…`` in the environment, with ``__`` between levels, and the same
name in lower case in a TOML file. The environment wins over the file. A setting that does not exist, or
that has a value it cannot have, is a :class:`SettingsError`: one sentence that names it.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import BaseModel, Field, PrivateAttr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import (
    SettingsError as SettingsSourceError,
)

from stream_rfm.sections import (
    KafkaSettings,
    Positive,
    RedisSettings,
    Seconds,
    ThresholdSettings,
    TopicSettings,
)

__all__ = ["PREFIX", "KafkaSettings", "RedisSettings", "Settings", "SettingsError", "load", "variable"]

PREFIX = "STREAM_RFM_"
_NESTED = "__"
_NULL = "null"

# What is longer does not fit into 64 bits of microseconds, in which times are counted.
_MOST_DAYS = 1_000_000
Port = Annotated[int, Field(ge=0, le=65535)]


class SettingsError(Exception):
    """A setting that is unknown or wrong; the message is one sentence that names it."""


class _TomlFile(TomlConfigSettingsSource):
    """A TOML file; as TOML has no word for it, ``"null"`` is nothing, as in the environment."""

    def __call__(self) -> dict[str, Any]:
        return _without_null(super().__call__())


class Settings(BaseSettings):
    """All settings, with the defaults that are right for most."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=_NESTED,
        env_parse_none_str=_NULL,
        extra="forbid",
        frozen=True,
        validate_default=True,
    )

    app_id: str = Field(default="stream-rfm", pattern=r"^[a-zA-Z0-9._-]+$")
    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    topics: TopicSettings = TopicSettings()

    window_days: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = 365
    levels: Annotated[int, Field(ge=2, le=10)] = 5
    best: Literal["high", "low"] = "high"
    grid: str = "classic-5"
    quantiles: Literal["inverted_cdf", "linear", "fixed"] = "inverted_cdf"
    thresholds: ThresholdSettings = ThresholdSettings()
    exact_up_to: Positive = 100_000
    min_customers: Annotated[int, Field(ge=1)] = 100
    dedupe_days: Annotated[float, Field(ge=0, le=_MOST_DAYS, allow_inf_nan=False)] = 7
    backfill_hours: Annotated[float, Field(gt=0, le=_MOST_DAYS * 24, allow_inf_nan=False)] = 24
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    rates: dict[str, str] = {}

    clock: Literal["wall", "event"] = "wall"
    rescore_seconds: Positive = 60
    rescore_event_seconds: Positive = 86_400
    commit_ms: Annotated[int, Field(ge=0, le=60_000)] = 30
    shutdown_seconds: Seconds = 20
    snapshot_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 60

    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9464
    http_host: str = "127.0.0.1"
    http_port: Port = 8000
    data_dir: Path = Field(default_factory=lambda: Path(platformdirs.user_state_dir("stream-rfm")))
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    _chosen: frozenset[str] = PrivateAttr(default=frozenset())

    @field_validator("window_days")
    @classmethod
    def _can_be_counted(cls, days: float | None) -> float | None:
        if days is not None and days > _MOST_DAYS:
            raise ValueError(f"should be less than or equal to {_MOST_DAYS}, or null for all time")
        return days

    @field_validator("rates")
    @classmethod
    def _currencies_are_upper_case(cls, rates: dict[str, str]) -> dict[str, str]:
        return {currency.upper(): rate for currency, rate in rates.items()}

    def chosen(self, name: str) -> bool:
        """Whether somebody chose this setting, so that it is not merely its default.

        Args:
            name: the setting's name, with a dot between levels: ``kafka.bootstrap_servers``.
        """
        return name in self._chosen

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Explicit arguments win over the environment, which wins over the TOML file."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _TomlFile(settings_cls)


def load(config: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings from the environment and, where given, from a TOML file.

    Args:
        config: a TOML file with settings in lower case, sections as tables.
        overrides: settings that win over both, by name; for commands that have options of their own.

    Raises:
        SettingsError: a setting is unknown or wrong, or the file cannot be read.
    """
    named = _named_in_environment(os.environ)
    for variable, name in named.items():
        _check_known(variable, name)
    from_file = _named_in_file(config)
    for name in from_file:
        _check_known(name, name)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=config)

    FromFile.__name__ = Settings.__name__
    try:
        settings = FromFile(**overrides)
    except ValidationError as error:
        raise SettingsError(_sentence(error, from_file)) from None
    except (SettingsSourceError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The settings cannot be read: {error}.") from None
    settings._chosen = frozenset(named.values()) | from_file | frozenset(overrides)  # noqa: SLF001
    return settings


def variable(name: str) -> str:
    """The environment variable of a setting: ``kafka.bootstrap_servers`` → ``STREAM_RFM_KAFKA__…``."""
    return PREFIX + name.upper().replace(".", _NESTED)


def _named_in_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        key: key[len(PREFIX) :].lower().replace(_NESTED, ".")
        for key in environ
        if key.upper().startswith(PREFIX)
    }


def _named_in_file(config: Path | None) -> frozenset[str]:
    if config is None:
        return frozenset()
    try:
        return frozenset(_leaves(tomllib.loads(config.read_text("utf-8"))))
    except OSError as error:
        raise SettingsError(f"The settings file {config} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {config} is not valid TOML: {error}.") from None


def _leaves(table: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def _without_null(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_null(value) if isinstance(value, Mapping) else None if value == _NULL else value
        for key, value in table.items()
    }


def _known() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from (f"{name}.{inner}" for inner in section.model_fields)
        else:
            yield name


def _check_known(shown: str, name: str) -> None:
    known = sorted(_known())
    sections = {entry.split(".")[0] for entry in known if "." in entry}
    if name in known or name in sections or name.startswith("rates."):
        return
    near = difflib.get_close_matches(name, known, n=1)
    in_file = shown == name
    hint = f"; did you mean {near[0] if in_file else variable(near[0])}?" if near else "."
    raise SettingsError(f"{shown} is not a setting of stream-rfm{hint}")


def _sentence(error: ValidationError, from_file: frozenset[str]) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    shown = name if name in from_file else variable(name)
    reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    given = f" (it is {str(first['input'])[:80]!r})" if _may_be_shown(name, first["input"]) else ""
    return f"{shown} {reason}{given}."


def _may_be_shown(name: str, value: Any) -> bool:
    """Whether a value can be no secret: a whole section that is given as a text may be a URL with one."""
    is_of_a_setting = any(f"{name}.".startswith(f"{known}.") for known in _known())
    is_secret = any(word in name for word in ("password", "url"))
    return is_of_a_setting and not is_secret and value is not None and not isinstance(value, Mapping)
