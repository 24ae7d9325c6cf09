"""Every customer's values, scores and segment as CSV: what ``replay`` and ``export`` write."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

import numpy as np

from stream_rfm.model import instant, money, scoring
from stream_rfm.model.version import Version
from stream_rfm.table.customer_row import NEVER
from stream_rfm.table.evaluation import Evaluator
from stream_rfm.table.store import Store
from stream_rfm.table.view import remembered

HEADER = ("customer_id", "recency_days", "frequency", "monetary", "r", "f", "m", "code", "segment")

Row = tuple[str, ...]


def rows(store: Store, version: Version) -> Iterator[Row]:
    """One row a customer, as of a version, in no particular order."""
    rules = store.rules
    seen = remembered(store, version.as_of)
    scores = Evaluator(rules).score(seen.last, seen.frequency, seen.monetary, version.as_of, version)
    recency = np.where(seen.last == NEVER, -1, np.maximum(0, version.as_of - seen.last))
    names, levels, best = rules.grid.names, rules.levels, rules.best
    columns = (recency, seen.frequency, seen.monetary, scores.r, scores.f, scores.m, scores.segment)
    customers = store.customers.ids_of(seen.rows)
    facts = zip(customers, *(column.tolist() for column in columns), strict=True)
    for customer, age, frequency, monetary, r, f, m, segment in facts:
        digits = [str(scoring.printed(score, levels, best)) for score in (r, f, m)] if r else ["", "", ""]
        yield (
            customer.decode(),
            "" if age < 0 else repr(instant.days(age)),
            str(frequency),
            money.plain(monetary),
            *digits,
            scoring.code(r, f, m, levels, best) if r else "",
            names[segment],
        )


def write(path: Path, every: Iterable[Row]) -> int:
    """Write rows sorted by customer id; a name that ends in ``.gz`` is gzipped.

    Returns:
        How many customers there are.
    """
    ordered = sorted(every)
    with _created(path) as text:
        out = csv.writer(text, lineterminator="\n")
        out.writerow(HEADER)
        out.writerows(ordered)
    return len(ordered)


def _created(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        # No name and no time in the header, so that the same rows give the same bytes.
        packed = gzip.GzipFile(filename="", mode="wb", fileobj=path.open("wb"), mtime=0)
        return TextIOWrapper(packed, "utf-8", newline="")
    return path.open("w", encoding="utf-8", newline="")
