"""What a run is, and how that is said on the command line."""

from __future__ import annotations

import argparse
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """What a run is.

    Attributes:
        seed: of the orders and of the faults.
        folder: where everything is written.
        seconds: how long faults go on.
        workers: how many.
        partitions: of the orders.
        rate: orders a second.
        brokers: how many; three replicate everything, and one of them may go.
        clock: the workers'; with ``event`` every transition is known beforehand.
        subject: who counts: ``stream``, or ``naive`` for contrast.
        names: whether workers keep a name each, ``yes`` or ``no``; ``seed``: every third seed has them.
        verify: whether brokers ask a transaction's coordinator before they take its first records, ``yes`` or
            ``no``; ``seed``: those of odd seeds do.
    """

    seed: int
    folder: Path
    seconds: float = 120
    workers: int = 3
    partitions: int = 6
    rate: int = 300
    brokers: int = 1
    clock: str = "event"
    subject: str = "stream"
    names: str = "seed"
    verify: str = "seed"

    @property
    def named(self) -> bool:
        """Whether workers are members under a name that their successor in the slot has again."""
        return _is_wanted(self.names, by_seed=self.seed % 3 == 0)

    @property
    def verified(self) -> bool:
        """Whether brokers verify transactions (``docs/decisions/0018-verified-transactions.md``)."""
        return _is_wanted(self.verify, by_seed=self.seed % 2 == 1)


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line.

    Attributes:
        runs: one for each seed.
        side_by_side: how many of them at a time.
        passed_on: the arguments that are the same for each.
    """

    runs: list[Options]
    side_by_side: int
    passed_on: list[str]


def parse(description: str | None) -> Request:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--seeds", type=_range, help="several runs, such as 1-10 or 3,5,8")
    parser.add_argument("--side-by-side", type=int, default=1, help="how many of several runs at a time")
    parser.add_argument("--folder", type=Path, help="for logs and results; a new one without")
    runs = parser.add_argument_group("each run")
    runs.add_argument("--seconds", type=float, default=Options.seconds, help="of faults")
    runs.add_argument("--workers", type=int, default=Options.workers)
    runs.add_argument("--partitions", type=int, default=Options.partitions)
    runs.add_argument("--rate", type=int, default=Options.rate, help="orders a second")
    runs.add_argument("--brokers", type=int, default=Options.brokers, choices=(1, 3))
    runs.add_argument("--clock", default=Options.clock, choices=("event", "wall"))
    runs.add_argument("--subject", default=Options.subject, choices=("stream", "naive"))
    runs.add_argument(
        "--names", default=Options.names, choices=("seed", "yes", "no"), help="whether workers keep theirs"
    )
    runs.add_argument(
        "--verify", default=Options.verify, choices=("seed", "yes", "no"), help="whether brokers do"
    )
    chosen = vars(parser.parse_args())
    folder = chosen.pop("folder") or Path(tempfile.mkdtemp(prefix="stream-rfm-chaos-"))
    seed, seeds, side_by_side = (chosen.pop(name) for name in ("seed", "seeds", "side_by_side"))
    passed_on = [word for name, value in chosen.items() for word in (f"--{name}", str(value))]
    if seeds is None:
        return Request([Options(seed, folder, **chosen)], 1, passed_on)
    return Request(
        [Options(each, folder / f"seed-{each}", **chosen) for each in seeds], side_by_side, passed_on
    )


def _is_wanted(chosen: str, *, by_seed: bool) -> bool:
    return by_seed if chosen == "seed" else chosen == "yes"


def _range(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found
