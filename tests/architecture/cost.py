"""What an order costs, without a clock: how many of Python's instructions it takes, and how much memory.

Counted over a fixed batch on its way from fetched records to the records of a transaction. Figures are the
same on any machine, and differ little between versions of Python, so that a loop over orders that slips into
the hot path is seen at once: it takes several instructions an order, and all of it takes three. Customers are
few and have settled: what a transition takes is another matter.
``python tests/architecture/cost.py`` prints the figures; ``--keep`` writes them to ``cost.json`` beside it.
"""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, it finds the helpers of tests, too

from events import DAY, START
from fetched_runs import kernels, run
from scorer import CUTS, ruled

from stream_rfm.intake.decoding import decode
from stream_rfm.intake.document import Intake
from stream_rfm.intake.run import Record, Run
from stream_rfm.model import instant
from stream_rfm.model.version import Version
from stream_rfm.stream import columns
from stream_rfm.stream.publication import Publication
from stream_rfm.stream.record_batches import Records
from stream_rfm.table.clock import Clock
from stream_rfm.table.partition import Partition

KEPT = Path(__file__).with_name("cost.json")
ORDERS, CUSTOMERS = 4_000, 500
_NOW = START + 20 * DAY
_INTAKE = Intake("EUR", _NOW)


def orders(random: np.random.Generator, first: int) -> Run:
    """Orders at random instants of the last twenty days, as they are fetched."""
    who, day = random.integers(0, CUSTOMERS, ORDERS).tolist(), random.integers(0, 20, ORDERS).tolist()
    cents = random.integers(100, 20_000, ORDERS).tolist()
    some = []
    for place in range(ORDERS):
        key = f"c-{who[place]}".encode()
        document = {
            "type": "order",
            "order_id": f"o-{first + place}",
            "customer_id": key.decode(),
            "amount": f"{cents[place] / 100:.2f}",
            "currency": "EUR",
            "ts": instant.iso(START + day[place] * DAY),
        }
        some.append(Record(key, json.dumps(document).encode(), (), first + place, _NOW // 1000))
    return run(some)


class Way:
    """A partition whose customers are known and scored, and the way of a batch through it."""

    def __init__(self) -> None:
        kernels.load()
        columns.use_compiled()
        rules = ruled(365 * DAY, 7 * DAY)
        self._random = np.random.default_rng(1)
        self._partition = Partition(0, rules, Clock("wall", DAY))
        self._publication = Publication(rules, "cost")
        self._next = 0
        self.go(self.batch())
        self._partition.apply(Version(1, _NOW, CUSTOMERS, CUTS))
        while self._partition.rescoring:
            self._partition.rescore(CUSTOMERS)
        for _ in range(4):
            self.go(self.batch())

    def batch(self) -> Run:
        """The next orders."""
        self._next += ORDERS
        return orders(self._random, self._next - ORDERS)

    def go(self, batch: Run) -> list[Any]:
        """All records that follow from a batch."""
        partition = self._partition
        _, changes = partition.advance(decode(batch, _INTAKE).batch, _NOW)
        moved, shown, told = Records(), Records(), Records()
        written, store, said = self._publication.columns, partition.store, partition.told([])
        for part in (
            *(written.transitions(moved, moves, _NOW) for moves in changes.moves),
            written.segments(shown, store, changes.rows(), 0),
            written.customers(told, store, said.rows, said.through),
        ):
            for _ in part:
                pass
        told.add([(key, value, []) for key, value in (*said.before, *said.behind)])
        return [batch for records in (moved, shown, told) for batch in records.batches()]


def instructions(work: Callable[[], object]) -> int:
    """How many of Python's instructions some work takes; what is written in C counts as one each time."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def peak_bytes(work: Callable[[], object]) -> int:
    """How much more memory some work holds at its height than before it."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        work()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before


def python() -> str:
    """The version of Python that counts."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def measured() -> dict[str, float]:
    """The figures of one order."""
    way = Way()
    first, second = way.batch(), way.batch()
    return {
        "python_instructions": round(instructions(lambda: way.go(first)) / ORDERS, 2),
        "peak_bytes": round(peak_bytes(lambda: way.go(second)) / ORDERS, 1),
    }


if __name__ == "__main__":
    found = measured()
    sys.stdout.write(f"{found}\n")
    if "--keep" in sys.argv:
        KEPT.write_text(json.dumps({"python": python(), **found}, indent=2) + "\n")
