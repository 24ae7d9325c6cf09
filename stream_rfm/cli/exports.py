"""``export`` lines, by which a shell's commands find what another command runs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import typer

from stream_rfm.cli.errors import say


def print_exports(environment: Mapping[str, str]) -> None:
    """Print a line a variable, but for a URL with a password, which only the person knows.

    Args:
        environment: variables by name.
    """
    for name, value in environment.items():
        if "://" in value and _has_password(value):
            say(f"{name} has a password and is not printed: it is what you set it to.")
        else:
            typer.echo(f"export {name}={shlex.quote(value)}")


def _has_password(url: str) -> bool:
    """Whether there is one for redis-py, which takes it from the options of a URL as well."""
    from redis.connection import parse_url  # noqa: PLC0415 - --help need not wait for it

    return bool(parse_url(url).get("password"))  # type: ignore[no-untyped-call] # redis has no types for it
