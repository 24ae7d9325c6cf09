"""``stream-rfm services``: a real Kafka and a real Valkey for a developer.

Standard output carries nothing but ``export`` lines, or JSON where that is asked for, so that
``eval "$(stream-rfm services up --detach)"`` works. Everything else is said on standard error.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream_rfm.cli.errors import say
from stream_rfm.cli.exports import print_exports
from stream_rfm.local.errors import ServiceError, kept_in
from stream_rfm.settings import SettingsError, load

if TYPE_CHECKING:
    from stream_rfm.local.services import Endpoints
    from stream_rfm.local.status import ServiceStatus
    from stream_rfm.local.supervisor import Supervisor

app = typer.Typer(
    no_args_is_help=True, help="A real Kafka and a real Valkey on this machine, without Docker."
)

_BUSY_SECONDS = 120.0
_BUSY_POLL_SECONDS = 0.2

Config = Annotated[
    Path | None, typer.Option("--config", help="A TOML file with settings; the environment wins over it.")
]


@app.command()
def up(
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave them running in the background and return.")
    ] = False,
    config: Config = None,
) -> None:
    """Start Kafka and Valkey and print the exports that lead to them; once started, only print these."""
    from stream_rfm.local.supervisor import BusyError  # noqa: PLC0415 - see _supervisor

    with _supervisor(config) as supervisor:
        give_up = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                return _up(supervisor, config, detach=detach)
            except BusyError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(_BUSY_POLL_SECONDS)


@app.command()
def down(
    purge: Annotated[bool, typer.Option("--purge", help="Remove their data as well.")] = False,
    config: Config = None,
) -> None:
    """End Kafka and Valkey and wait until they are gone; their data is kept for the next start."""
    with _supervisor(config) as supervisor:
        say("Ended." if supervisor.end() else "Nothing runs.")
        if purge:
            supervisor.purge()
            say("Their data is removed.")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the exports.")] = False,
    config: Config = None,
) -> None:
    """Say what runs, and print its exports; the exit code is 0 when both answer, else 1."""
    with _supervisor(config) as supervisor:
        from stream_rfm.local.status import statuses  # noqa: PLC0415 - see _supervisor

        found = statuses(supervisor)
        is_up = all(service.up for service in found)
        if as_json:
            typer.echo(json.dumps({"up": is_up, "services": [asdict(service) for service in found]}))
        else:
            for service in found:
                say(_line(service))
            endpoints = supervisor.endpoints()
            if is_up and endpoints:
                print_exports(endpoints.environment())
        raise typer.Exit(0 if is_up else 1)


@contextmanager
def _supervisor(config: Path | None) -> Iterator[Supervisor]:
    """The supervisor that these settings mean, and an exit code for what goes wrong with it."""
    try:
        # Here, since it needs the optional packages, which the other commands do without.
        from stream_rfm.local.supervisor import Supervisor  # noqa: PLC0415

        settings = load(config)
        with kept_in(settings.data_dir):
            yield Supervisor(settings)
    except SettingsError as error:
        say(str(error))
        raise typer.Exit(2) from None
    except ServiceError as error:
        say(str(error))
        raise typer.Exit(1) from None


def _up(supervisor: Supervisor, config: Path | None, *, detach: bool) -> None:
    from stream_rfm.local.background import start_in_background  # noqa: PLC0415 - see _supervisor

    endpoints = supervisor.endpoints()
    supervisor.named.check()
    if endpoints is not None:
        say("Nothing to start: they run.")
        print_exports(endpoints.environment())
        return
    supervisor.fetch()
    say("Starting Kafka and Valkey …")
    if not detach:
        supervisor.run(_export_until_told)
        return
    start_in_background(supervisor.log, config)
    endpoints = supervisor.endpoints()
    if endpoints is None:
        raise ServiceError(f"The services ended right after their start; see {supervisor.log}.")
    say("They run in the background: stream-rfm services down ends them.")
    print_exports(endpoints.environment())


def _export_until_told(endpoints: Endpoints) -> None:
    print_exports(endpoints.environment())
    say("They run until Ctrl-C.")


def _line(service: ServiceStatus) -> str:
    state = "up" if service.up else "down"
    if service.named_in:
        return f"{service.name}: {state}, named in {service.named_in}"
    if service.address:
        return f"{service.name}: {state} at {service.address}, pid {service.pid}"
    return f"{service.name}: {state}"
