"""All that a run needs but its workers: orders, brokers, Redis, the network between, a disk."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import shop_feed
from broker import uncounted
from disk import Disk
from options import Options
from proxy import Network
from surroundings import Surroundings
from workers import COMMAND

from stream_rfm.local.kafka_cluster import KafkaCluster
from stream_rfm.local.valkey import ValkeyServer

PREFIX = "chaos."
GROUP = "chaos"
SESSION_SECONDS = 3
WINDOW_DAYS = 30
#: After which a worker no longer waits for an answer.
_REQUEST_SECONDS = 6
# A machine with other work may take its time.
_START_SECONDS = 180.0


@dataclass(frozen=True)
class Scene:
    """What is there.

    Attributes:
        options: what the run is.
        kafka: the brokers.
        valkey: the Redis.
        network: between the workers and the brokers.
        disk: of the workers.
        start: of the orders.
        days: that the orders are spread over.
        bad: how many of the orders cannot count, by reason.
    """

    options: Options
    kafka: KafkaCluster
    valkey: ValkeyServer
    network: Network
    disk: Disk
    start: datetime
    days: int
    bad: Counter[str]

    @property
    def orders(self) -> str:
        """The topic."""
        return f"{PREFIX}orders"

    @property
    def data(self) -> list[Path]:
        """Where the brokers keep what was written."""
        return [broker.folder / "data" for broker in self.kafka.brokers]

    @property
    def until(self) -> datetime:
        """With the event clock, when the last heartbeat is: a boundary behind all orders."""
        return self.start + timedelta(days=self.days + 2)

    @property
    def environment(self) -> dict[str, str]:
        """Names the deployment, to those whom no fault of network or disk hits."""
        chosen = {
            "KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA__SESSION_TIMEOUT_SECONDS": SESSION_SECONDS,
            "KAFKA__TRANSACTION_TIMEOUT_SECONDS": 5,
            "REDIS__URL": self.valkey.url,
            "APP_ID": GROUP,
            "TOPICS__PREFIX": PREFIX,
            "TOPICS__PARTITIONS": self.options.partitions,
            "TOPICS__REPLICATION": self.options.brokers,
            "CLOCK": self.options.clock,
            "RESCORE_SECONDS": 10,
            "WINDOW_DAYS": WINDOW_DAYS,
            "MIN_CUSTOMERS": 20,
            # Hardly any time between two transactions, so that faults hit them.
            "COMMIT_MS": 1,
            "METRICS_PORT": 0,
            # Ending in the middle of a fault takes until that is over.
            "SHUTDOWN_SECONDS": 90,
            "DATA_DIR": self.options.folder / "state",
            "SNAPSHOT_SECONDS": 5,
        }
        return {f"STREAM_RFM_{name}": str(value) for name, value in chosen.items()}

    def environment_at(self, place: int) -> dict[str, str]:
        """The same, to a worker; a name is of the slot, where one is followed by the next."""
        name = {"STREAM_RFM_KAFKA__INSTANCE_ID": f"slot-{place}"} if self.options.named else {}
        return {
            **self.environment,
            **self.disk.environment,
            **name,
            "STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS": self.network.servers(place),
            "STREAM_RFM_KAFKA__REQUEST_TIMEOUT_SECONDS": str(_REQUEST_SECONDS),
        }

    def surroundings(self, group: str) -> Surroundings:
        """What faults hit."""
        return Surroundings(self.kafka.brokers, self.valkey, self.network, self.disk, group, _REQUEST_SECONDS)

    def uncounted(self, group: str) -> int:
        """How many records of the orders a group has not committed yet."""
        return uncounted(self.kafka.bootstrap_servers, self.orders, group)

    def stream_rfm(self, *arguments: str) -> None:
        """Run a command to its end."""
        subprocess.run(
            [COMMAND, *arguments],
            env=os.environ | self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    @contextmanager
    def feeding(self) -> Iterator[subprocess.Popen[bytes]]:
        """Send the orders at their pace."""
        folder = self.options.folder
        command = [COMMAND, "produce", folder / "orders.jsonl", "--rate", str(self.options.rate)]
        if self.options.clock == "event":
            command += ["--until", shop_feed.iso(self.until)]
        with (folder / "feed.log").open("wb") as log:
            feed = subprocess.Popen(command, env=os.environ | self.environment, stdout=log, stderr=log)
        try:
            yield feed
        finally:
            feed.kill()
            feed.wait()


@contextmanager
def opened(options: Options) -> Iterator[Scene]:
    """Make all of it, with the topics; it ends with the ``with`` block."""
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    # Orders go on for a little longer than the faults, so that the last fault meets work, also where those
    # before it took their time.
    events = round(options.rate * (options.seconds + 12))
    if options.clock == "event":
        start, days = shop_feed.START, max(20, round(options.seconds / 2))
    else:
        # Nothing leaves the window while it runs, which would depend on when exactly it runs.
        days = WINDOW_DAYS - 5
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
    bad = shop_feed.write(folder / "orders.jsonl", options.seed, events, start, days, customers=400)
    with Network(options.workers + 1, options.brokers) as network:
        verify = {"transaction.partition.verification.enable": str(options.verified).lower()}
        kafka = KafkaCluster(
            folder / "kafka",
            nodes=options.brokers,
            properties=lambda node: network.properties(node) | verify,
        )
        network.release()
        with kafka, ValkeyServer(folder / "valkey") as valkey:
            for service in (*kafka.brokers, valkey):
                service.start_seconds = _START_SECONDS
            scene = Scene(options, kafka, valkey, network, Disk(folder / "disk"), start, days, bad)
            scene.stream_rfm("topics", "create")
            yield scene
