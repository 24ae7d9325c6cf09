"""Everything that a demo plays on: services, topics and a worker, up for as long as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from stream_rfm.demo.database import own_database
from stream_rfm.demo.deployment import Deployment
from stream_rfm.demo.scorer import Scorer
from stream_rfm.demo.topics import own_topics
from stream_rfm.local.jars import kafka_jars
from stream_rfm.local.named import NamedServices
from stream_rfm.local.service import Service
from stream_rfm.local.services import Endpoints, LocalServices
from stream_rfm.settings import Settings


@dataclass(frozen=True)
class Stage:
    """What is up.

    Attributes:
        deployment: how it is reached.
        worker: the scorer.
        services: the Kafka and the Valkey that were started for it.
        folder: for files that are gone afterwards.
    """

    deployment: Deployment
    worker: Scorer
    services: list[Service]
    folder: Path

    def check(self) -> None:
        """Make sure that everything still runs.

        Raises:
            ServiceError: something has ended by itself; with the end of its log.
        """
        for service in (*self.services, self.worker):
            service.check()


@contextmanager
def on_stage(settings: Settings, config: Path | None, say: Callable[[str], None]) -> Iterator[Stage]:
    """Start everything, and end it; what ends in good order has done so with all work committed.

    Args:
        settings: what somebody has set; services that they name are used instead of new ones.
        config: the file that the settings come from, if any.
        say: told what is being done.

    Raises:
        ServiceError: a service or the worker cannot be started.
        DemoError: no database is free, or the worker did not end in good order.
    """
    named = NamedServices.of(settings)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="stream-rfm-demo-")))
        services = LocalServices(folder, named)
        if services.kafka:
            kafka_jars()  # before anything is said, since they may have to be fetched, under a progress bar
        if services.own:
            say(f"Starting {' and '.join(service.name for service in services.own)} …")
        stack.enter_context(services)
        url = stack.enter_context(own_database(named.redis)) if named.redis else services.endpoints.redis_url
        endpoints = Endpoints(services.endpoints.bootstrap_servers, url)
        deployment = Deployment.of(settings, config, named, endpoints)
        stack.enter_context(own_topics(deployment.settings, say, remove=named.kafka is not None))
        say("Starting a worker …")
        worker = stack.enter_context(Scorer(folder / "worker", deployment))
        try:
            yield Stage(deployment, worker, services.own, folder)
        except Exception:
            worker.kill()  # it would try to commit for as long as it may, perhaps to a Kafka that is gone
            raise
        worker.finish()
