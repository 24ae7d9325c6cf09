"""The naive agent as it is put on the same stage, and what it has lost and repeated in the end."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import scene
from broker import records
from scene import Scene
from stage import Stage
from workers import Worker

_AGENT = Path(__file__).parent / "naive_agent.py"
# It is given up when it has not come any further for so long.
_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 2.0


class Subject:
    """Workers of the naive agent."""

    group = "naive"

    def __init__(self, around: Scene) -> None:
        self._scene = around
        self._told = f"{scene.PREFIX}segment-transitions"

    def hire(self, slot: int, folder: Path) -> Worker:
        """Start a worker."""
        around = self._scene
        environment = {
            "NAIVE_ID": self.group,
            "NAIVE_SERVERS": around.network.servers(slot),
            "NAIVE_PARTITIONS": str(around.options.partitions),
            "NAIVE_REPLICATION": str(around.options.brokers),
            "NAIVE_SESSION_SECONDS": str(scene.SESSION_SECONDS),
            "NAIVE_ORDERS": around.orders,
            "NAIVE_TOLD": self._told,
        }
        folder.mkdir(parents=True, exist_ok=True)
        data = ["--datadir", folder / "data"]
        return Worker(
            folder, environment, [sys.executable, _AGENT, *data, "worker", "-l", "warn", "--without-web"]
        )

    def judge(self, stage: Stage) -> dict[str, Any]:
        """Wait until all is counted, or nothing more is; say how far that is from the truth."""
        uncounted = self._wait(stage)
        stage.end()
        servers = self._scene.kafka.bootstrap_servers
        truth, orders = self._truth()
        counted = Counter[str]()
        changelog = records(servers, f"{self.group}-customers-changelog")
        for some in changelog.values():
            for record in some:
                counted[json.loads(record.key)] = json.loads(record.value)[0]
        outputs = Counter[tuple[int, int]]()
        for some in records(servers, self._told).values():
            outputs.update(tuple(json.loads(record.value)["order"]) for record in some)
        return {
            "orders": orders,
            "orders not reached": uncounted,
            "orders lost": sum((truth - counted).values()),
            "orders counted twice": sum((counted - truth).values()),
            "customers with a wrong count": sum(truth[name] != counted[name] for name in truth | counted),
            "outputs repeated": outputs.total() - len(outputs),
            "outputs missing": orders - len(outputs),
            "workers that ended by themselves or badly": len(stage.wrong),
            "workers": len(stage.workers),
            # Nothing was promised.
            "wrong": [],
        }

    def _wait(self, stage: Stage) -> int:
        """Whoever ended is followed by another meanwhile; returns what is still left in the end."""
        left, since = -1, time.monotonic()
        while left and time.monotonic() - since < _PATIENCE_SECONDS:
            stage.refill()
            now = self._scene.uncounted(self.group)
            if now != left:
                left, since = now, time.monotonic()
            time.sleep(_LOOK_SECONDS)
        return left

    def _truth(self) -> tuple[Counter[str], int]:
        """How many orders each customer has sent, as they are in the topic."""
        truth = Counter[str]()
        for some in records(self._scene.kafka.bootstrap_servers, self._scene.orders).values():
            for record in some:
                said = json.loads(record.value)
                if said.get("type", "order") == "order":
                    truth[said["customer_id"]] += 1
        return truth, truth.total()
