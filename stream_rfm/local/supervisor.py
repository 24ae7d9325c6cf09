"""Kafka and Valkey for a developer: one pair for a data folder, run by one process until that is ended."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stream_rfm.local.errors import ServiceError
from stream_rfm.local.identity import ProcessIdentity
from stream_rfm.local.jars import kafka_jars
from stream_rfm.local.named import NamedServices
from stream_rfm.local.ports import HOST, is_free
from stream_rfm.local.service import Service
from stream_rfm.local.services import Endpoints, LocalServices
from stream_rfm.local.signals import ended_by
from stream_rfm.local.state import ServicesState
from stream_rfm.settings import Settings

_LOOK_SECONDS = 0.5
_END_SECONDS = 60.0
_SNAPSHOT_EACH_MINUTE = "60 1"
_LOCK = "lock"


class BusyError(ServiceError):
    """Another process starts these services at this moment, or runs them."""


class Supervisor:
    """Runs the services of one data folder, and finds out from any process whether they run.

    Args:
        settings: where the data folder is and which services are named.
    """

    def __init__(self, settings: Settings) -> None:
        self.folder = (settings.data_dir / "services").absolute()
        ports = ServicesState.load(self.folder).ports
        # What a shell was told to export by an earlier start is no service that somebody named.
        self.named = NamedServices.of(settings).without(
            bootstrap_servers=f"{HOST}:{ports.get('Kafka')}",
            redis_url=f"redis://{HOST}:{ports.get('Valkey')}/0",
        )

    @property
    def log(self) -> Path:
        """Where the process says what it has to say when it runs in the background."""
        return self.folder / "supervisor.log"

    def endpoints(self) -> Endpoints | None:
        """Where the services are reached; None when there are some to run which do not, or not yet.

        Raises:
            ServiceError: what runs is not what is to run by these settings.
        """
        state = ServicesState.load(self.folder)
        services = self._services(state.ports)
        if services.own and not state.running:
            return None
        if state.running and {service.name for service in services.own} != set(state.services):
            raise ServiceError(
                "What runs was started when other services were named in the settings: "
                "end it first with: stream-rfm services down"
            )
        return services.endpoints

    def fetch(self) -> None:
        """Fetch what has to be fetched before the first start, under a progress bar.

        Raises:
            ServiceError: it cannot be had.
        """
        if self.named.kafka is None:
            kafka_jars()

    def run(self, ready: Callable[[Endpoints], None]) -> None:
        """Start the services and run them until this process gets SIGINT, SIGTERM or SIGHUP.

        Data of an earlier run is kept, and its ports too where they are still free.

        Args:
            ready: called once, when they answer.

        Raises:
            BusyError: another process has them.
            ServiceError: one cannot be started, or has ended by itself.
            KeyboardInterrupt: told to end before they were ready.
        """
        with self._locked(), ended_by(signal.SIGTERM, signal.SIGHUP):
            before = ServicesState.load(self.folder)
            _outwait(before.services.values())
            services = self._services({name: port for name, port in before.ports.items() if is_free(port)})
            me = ProcessIdentity.of(os.getpid())
            ServicesState(me, ports=before.ports).save(self.folder)
            try:
                with services:
                    _state_of(services.own, me, before.ports).save(self.folder)
                    ready(services.endpoints)
                    _watch(services.own)
            finally:
                ServicesState(ports=ServicesState.load(self.folder).ports).save(self.folder)

    def end(self) -> bool:
        """End the process that runs the services, and wait until they are gone, too.

        Returns:
            Whether there was one.
        """
        state = ServicesState.load(self.folder)
        found = state.supervisor is not None and state.supervisor.alive
        if state.supervisor is not None:
            state.supervisor.end(_END_SECONDS)
        _outwait(state.services.values())
        return found

    def purge(self) -> None:
        """Remove the data and the logs; only the ports stay known, for the sake of exported variables.

        Raises:
            BusyError: the services run.
        """
        with self._locked():
            for path in self.folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.suffix == ".log":
                    path.unlink()

    def _services(self, ports: dict[str, int]) -> LocalServices:
        return LocalServices(
            self.folder,
            self.named,
            kafka_port=ports.get("Kafka"),
            valkey_port=ports.get("Valkey"),
            valkey_save=_SNAPSHOT_EACH_MINUTE,
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError(
                    f"Another process starts or runs the services in {self.folder}: "
                    "wait for it, or end it with: stream-rfm services down"
                ) from None
            yield  # a lock ends with its process, however that ends


def _state_of(own: Sequence[Service], supervisor: ProcessIdentity, ports: dict[str, int]) -> ServicesState:
    return ServicesState(
        supervisor,
        services={service.name: ProcessIdentity.of(service.pid) for service in own},
        ports=ports | {service.name: service.ports[0] for service in own},
    )


def _watch(own: Sequence[Service]) -> None:
    try:
        while True:
            time.sleep(_LOOK_SECONDS)
            for service in own:
                service.check()
    except KeyboardInterrupt:
        pass  # the way to end it


def _outwait(services: Iterable[ProcessIdentity]) -> None:
    """Wait for services whose supervisor is gone; their guardians end them."""
    for service in services:
        if not service.wait_until_gone(_END_SECONDS):
            service.end(_END_SECONDS)
