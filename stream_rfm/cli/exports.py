"""``export`` lines, by which a shell's commands find what another command runs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from urllib.parse import urlsplit

import typer

from stream_rfm.cli.errors import say


def print_exports(environment: Mapping[str, str]) -> None:
    """Print a line a variable, but for a URL with a password, which only the person knows.

    Args:
        environment: variables by name.
    """
    for name, value in environment.items():
        if "://" in value and urlsplit(value).password:
            say(f"{name} has a password and is not printed: it is what you set it to.")
        else:
            typer.echo(f"export {name}={shlex.quote(value)}")
