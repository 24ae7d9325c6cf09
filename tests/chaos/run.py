"""Chaos: workers, a broker and a Redis that are killed, frozen and wiped while orders come in; then truth.

    make chaos ARGS="--seed 7 --seconds 600"

The seed makes the same orders and the same plan of faults again. It fails when anything is lost, repeated or
wrong, and also when the faults hit nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import checks
import plan
import shop_feed
from stage import Stage

from stream_rfm.local.kafka_cluster import KafkaCluster
from stream_rfm.local.training import train
from stream_rfm.local.valkey import ValkeyServer

_COMMAND = str(Path(sys.executable).parent / "stream-rfm")
_PREFIX = "chaos."
_GROUP = "chaos"
_SESSION_SECONDS = 3
_NOT_COMMITTED = "a transaction was not committed"
#: Found wrong where the faults came at the wrong moments only; which may be in a short run.
NOTHING_HIT = "the faults have hit no transaction"


@dataclass(frozen=True)
class Options:
    """What a run is.

    Attributes:
        seed: of the orders and of the faults.
        seconds: how long faults go on.
        workers: how many.
        partitions: of the orders.
        rate: orders a second.
        brokers: how many; three replicate everything, and one of them may go.
        folder: where everything is written.
    """

    seed: int
    seconds: float
    workers: int
    partitions: int
    rate: int
    brokers: int
    folder: Path


def main() -> int:
    """Run once; the exit code is 1 when something is wrong."""
    options = _options()
    print(f"seed {options.seed}: {options.seconds:g} s of faults, logs in {options.folder}", file=sys.stderr)
    wrong = run(options)
    for finding in wrong:
        print(f"WRONG: {finding}")
    print(f"seed {options.seed}: {'failed' if wrong else 'passed'}")
    return 1 if wrong else 0


def run(options: Options) -> list[str]:
    """Let everything go wrong; says what was found wrong in the end."""
    train()
    folder = options.folder
    # Orders go on for a little longer than the faults, so that the last fault meets work.
    events, days = round(options.rate * (options.seconds + 8)), max(20, round(options.seconds / 2))
    bad = shop_feed.write(folder / "orders.jsonl", options.seed, events, days, customers=400)
    until = shop_feed.iso(shop_feed.START + timedelta(days=days + 2))
    with (
        KafkaCluster(folder / "kafka", nodes=options.brokers) as kafka,
        ValkeyServer(folder / "valkey") as valkey,
    ):
        environment = _environment(kafka, valkey, options)
        _stream_rfm(environment, "topics", "create")
        stage = Stage(folder, environment, kafka.brokers, valkey, options.workers)
        try:
            with _feeding(folder / "orders.jsonl", options.rate, until, environment) as feed:
                stage.play(plan.plan(options.seed, options.seconds, options.workers, _SESSION_SECONDS))
                unfinished = feed.poll() is None
                if feed.wait(timeout=options.seconds + 120):
                    return [f"orders could not be sent: see {folder}/feed.log"]
            started = time.monotonic()
            export = folder / "export.csv"
            _stream_rfm(environment, "export", "--wait-as-of", until, "--timeout", "180", "-o", str(export))
            print(f"all counted {time.monotonic() - started:.1f} s after the last order", file=sys.stderr)
            _stream_rfm(
                environment,
                "replay",
                str(folder / "orders.jsonl"),
                "--as-of",
                until,
                "-o",
                str(folder / "replay"),
            )
            outcome = checks.Outcome(
                kafka.bootstrap_servers,
                valkey.url,
                _PREFIX,
                _GROUP,
                options.partitions,
                folder / "replay",
                export,
                bad,
            )
            return [*_found(outcome, stage), *([] if unfinished else ["all was sent before the last fault"])]
        finally:
            stage.close()


def _found(outcome: checks.Outcome, stage: Stage) -> list[str]:
    wrong = list(checks.cache(outcome))
    stage.end()
    aborted, refused = checks.aborted(outcome), stage.count(_NOT_COMMITTED)
    print(f"faults: {dict(stage.hits)}", file=sys.stderr)
    print(
        f"{aborted} records in aborted transactions, {refused} transactions refused, "
        f"{stage.count('took partitions over')} takeovers by {len(stage.workers)} workers",
        file=sys.stderr,
    )
    if not aborted and not refused:
        wrong.append(NOTHING_HIT)
    return [*wrong, *stage.wrong, *checks.findings(outcome)]


def _environment(kafka: KafkaCluster, valkey: ValkeyServer, options: Options) -> dict[str, str]:
    chosen = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA__SESSION_TIMEOUT_SECONDS": _SESSION_SECONDS,
        "KAFKA__TRANSACTION_TIMEOUT_SECONDS": 5,
        "REDIS__URL": valkey.url,
        "APP_ID": _GROUP,
        "TOPICS__PREFIX": _PREFIX,
        "TOPICS__PARTITIONS": options.partitions,
        "TOPICS__REPLICATION": options.brokers,
        "CLOCK": "event",
        "WINDOW_DAYS": 30,
        "MIN_CUSTOMERS": 20,
        # Hardly any time between two transactions, so that faults hit them.
        "COMMIT_MS": 1,
        "METRICS_PORT": 0,
        "DATA_DIR": options.folder / "state",
        "SNAPSHOT_SECONDS": 5,
    }
    return {f"STREAM_RFM_{name}": str(value) for name, value in chosen.items()}


def _feeding(orders: Path, rate: int, until: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with (orders.parent / "feed.log").open("wb") as log:
        return subprocess.Popen(
            [_COMMAND, "produce", orders, "--rate", str(rate), "--until", until],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
        )


def _stream_rfm(environment: dict[str, str], *arguments: str) -> None:
    subprocess.run(
        [_COMMAND, *arguments], env=os.environ | environment, check=True, stdout=subprocess.DEVNULL
    )


def _options() -> Options:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=6)
    parser.add_argument("--rate", type=int, default=300)
    parser.add_argument("--brokers", type=int, default=1, choices=(1, 3))
    parser.add_argument("--folder", type=Path)
    chosen = vars(parser.parse_args())
    chosen["folder"] = chosen["folder"] or Path(tempfile.mkdtemp(prefix="stream-rfm-chaos-"))
    chosen["folder"].mkdir(parents=True, exist_ok=True)
    return Options(**chosen)


if __name__ == "__main__":
    sys.exit(main())
