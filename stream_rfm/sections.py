"""Settings that belong together: each section is a table in a TOML file, and a part of names elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

_NO_REDIS_URL = (
    "should be redis://:password@host:port/0, with %2F for a / in the password and so on, "
    "and no options but those of redis-py"
)

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(_Section):
    """Where Kafka is and how long to wait for it."""

    bootstrap_servers: str = "127.0.0.1:9092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ssl_cafile: Path | None = None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, validate_default=True
    )
    sasl_username: str | None = Field(default=None, validate_default=True)
    sasl_password: SecretStr | None = Field(default=None, validate_default=True)
    session_timeout_seconds: Seconds = 10.0
    transaction_timeout_seconds: Seconds = 10.0
    request_timeout_seconds: Seconds = 30.0
    instance_id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]+$", max_length=249)] | None = None

    @field_validator("ssl_cafile")
    @classmethod
    def _holds_certificates(cls, file: Path | None) -> Path | None:
        import ssl  # noqa: PLC0415 - --help need not wait for it

        if file is not None:
            try:
                ssl.create_default_context(cafile=str(file))
            except ssl.SSLError:
                raise ValueError("should be a PEM file with certificates") from None
            except OSError as error:
                raise ValueError(f"cannot be read: {error.strerror}") from None
        return file

    @field_validator("sasl_mechanism")
    @classmethod
    def _is_of_a_protocol_with_passwords(cls, mechanism: str | None, info: ValidationInfo) -> str | None:
        # Without such a protocol the user would not be named, and the password not asked for: that is no way
        # to come in as somebody, and nobody would notice.
        protocol = info.data.get("security_protocol")
        if mechanism is not None and protocol in {"PLAINTEXT", "SSL"}:
            raise ValueError(f"needs a security protocol SASL_SSL or SASL_PLAINTEXT, not {protocol}")
        return mechanism

    @field_validator("sasl_mechanism", "sasl_username", "sasl_password")
    @classmethod
    def _is_there_where_it_is_needed(
        cls, value: str | SecretStr | None, info: ValidationInfo
    ) -> str | SecretStr | None:
        protocol = info.data.get("security_protocol")
        # Empty is as good as none; a secret has the length of its text.
        if (value is None or not len(value)) and protocol in {"SASL_PLAINTEXT", "SASL_SSL"}:
            raise ValueError(f"is needed with the security protocol {protocol}")
        return value


class RedisSettings(_Section):
    """Where Redis or Valkey is. The URL may hold a password and is never printed."""

    url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    timeout_seconds: Seconds = 2.0
    sample_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0

    @field_validator("url")
    @classmethod
    def _is_the_url_of_a_redis(cls, url: SecretStr) -> SecretStr:
        from redis import asyncio, connection  # noqa: PLC0415 - --help need not wait for it
        from redis.exceptions import RedisError  # noqa: PLC0415 - the same

        try:
            # An option that redis-py does not know is only found when a connection is made; none is opened.
            for kind in (connection.ConnectionPool, asyncio.ConnectionPool):
                kind.from_url(url.get_secret_value()).make_connection()
        except (ValueError, TypeError, RedisError):  # which may quote a part of the URL, and that a password
            raise ValueError(_NO_REDIS_URL) from None
        return url


class TopicSettings(_Section):
    """How topics are declared."""

    partitions: Positive = 8
    replication: Positive = 1
    prefix: str = Field(default="", pattern=r"^[a-zA-Z0-9._-]*$")


class ThresholdSettings(_Section):
    """Fixed cut points for companies with their own rules: ascending, one fewer than levels."""

    recency_days: tuple[float, ...] | None = None
    frequency: tuple[int, ...] | None = None
    monetary: tuple[str, ...] | None = None
