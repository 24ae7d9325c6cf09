"""The stream as it is put on the stage, and what is asked of it in the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import checks
import scene
import shop_feed
from broker import eventually
from cache_check import wrong_cache
from logged import Logged
from open_ends import aborted_records, aborted_transactions
from outcome import Outcome
from plan import LONG_SECONDS, Kind
from scene import Scene
from stage import Stage
from workers import AS_A_SHELL_DOES, Worker

_COUNTED_SECONDS = 600.0
_READY_SECONDS = 180.0
#: Found wrong where the faults came at the wrong moments only; which may be in a short run.
NOTHING_HIT = "the faults have hit no transaction"


class Subject:
    """Workers of the stream."""

    group = scene.GROUP

    def __init__(self, around: Scene) -> None:
        self._scene = around
        self._folder = around.options.folder
        self._logged = Logged()

    def hire(self, slot: int, folder: Path) -> Worker:
        """Start a worker."""
        return Worker(folder, self._scene.environment_at(slot), AS_A_SHELL_DOES)

    def judge(self, stage: Stage) -> dict[str, Any]:
        """Wait until all is counted, and ask what became of it."""
        started = time.monotonic()
        outcome = self._exported(self._folder / "export.csv")
        seconds = round(time.monotonic() - started, 1)
        print(f"all counted {seconds} s after the last order", file=sys.stderr)
        wrong = list(wrong_cache(outcome))
        stage.end()
        self._logged = Logged.of(_log_entries(stage))
        counted = self._counted(stage, outcome)
        wrong += [*self._missed(stage, counted), *self._restored(outcome), *stage.wrong]
        wrong += checks.findings(outcome)
        return {
            **counted,
            "seconds behind": seconds,
            "transitions compared": outcome.compared,
            "customers compared": len(outcome.events),
            "wrong": wrong,
        }

    def _exported(self, export: Path) -> Outcome:
        around, wall = self._scene, self._scene.options.clock == "wall"
        until = around.until
        if wall:
            self._wait_until_counted()
            until = datetime.now(UTC)
        instant = shop_feed.iso(until)
        around.stream_rfm(
            "export", "--wait-as-of", instant, "--timeout", f"{_COUNTED_SECONDS:g}", "-o", str(export)
        )
        replay = None if wall else self._folder / "replay"
        if replay is not None and not replay.exists():
            orders = str(self._folder / "orders.jsonl")
            around.stream_rfm("replay", orders, "--as-of", instant, "-o", str(replay))
        return Outcome(
            servers=around.kafka.bootstrap_servers,
            redis_url=around.valkey.url,
            prefix=scene.PREFIX,
            group=self.group,
            partitions=around.options.partitions,
            orders=self._folder / "orders.jsonl",
            bad=around.bad,
            export=export,
            as_of=None if wall else until.timestamp(),
            window_days=scene.WINDOW_DAYS,
            replay=replay,
        )

    def _wait_until_counted(self) -> None:
        def counted() -> bool:
            time.sleep(1)
            return not self._scene.uncounted(self.group)

        eventually(counted, _COUNTED_SECONDS)

    def _counted(self, stage: Stage, outcome: Outcome) -> dict[str, Any]:
        """How often faults really met something."""
        return {
            "aborted transactions": aborted_transactions(self._scene.data),
            "aborted records": aborted_records(outcome),
            **self._logged.result,
            "disk faults met": dict(self._scene.disk.met),
            "named": self._scene.options.named,
            "workers": len(stage.workers),
        }

    def _missed(self, stage: Stage, counted: dict[str, Any]) -> Iterator[str]:
        if not counted["aborted records"] and not counted["refused"]:
            yield NOTHING_HIT
        # One of them may come while no snapshot is due.
        if stage.hits[Kind.DISK_FULL] >= 3 and not counted["disk faults met"].get("full"):
            yield "the full disk was met by no snapshot"
        if self._scene.options.seconds >= LONG_SECONDS:
            yield from self._logged.missed()

    def _restored(self, outcome: Outcome) -> Iterator[str]:
        """What comes out differently when another number of workers starts, and finds no snapshot."""
        state = self._folder / "state"
        if state.exists():
            state.rename(self._folder / "state-before")
        before = checks.published(outcome)
        workers = 5 if self._scene.options.seed % 2 else 1
        yield from self._run_for_a_while(workers)
        if outcome.replay is None:
            # Everybody may have been scored again; what that said is compared with all the rest.
            return
        after = checks.published(outcome)
        if after != before:
            yield f"{workers} restored workers have published more: {after} after {before}"
        again = self._exported(self._folder / "restored.csv").export
        if again.read_bytes() != outcome.export.read_bytes():
            yield f"the state is another one after {workers} workers have restored it"

    def _run_for_a_while(self, workers: int) -> Iterator[str]:
        """Let some workers take everything over, and end them."""
        with ExitStack() as running:
            folders = [self._folder / f"restored-{number}" for number in range(workers)]
            hired = [
                running.enter_context(Worker(each, self._scene.environment, AS_A_SHELL_DOES))
                for each in folders
            ]
            if not eventually(lambda: all(worker.ready for worker in hired), _READY_SECONDS):
                yield f"{workers} workers are not ready after all have ended: see {folders}"
            for worker in hired:
                code = worker.end(_READY_SECONDS)
                if code:
                    yield f"a restored worker ended with {code}: {worker.said[-2000:]}"


def _log_entries(stage: Stage) -> Iterator[dict[str, Any]]:
    """What the workers have logged; that a line is no entry is wrong."""
    for worker in stage.workers:
        try:
            yield from worker.logs
        except ValueError:
            stage.wrong.append(f"a worker has written what is no log entry: {worker.said[-2000:]}")
