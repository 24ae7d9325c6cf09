"""A small shop's history: seeded, in order of time, with everything that may happen to an order."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from workers import PERSONAL

Document = dict[str, Any]

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 60
#: The instant that everything is compared as of.
END = START + timedelta(days=DAYS)
CUSTOMERS = 150
#: How all ids begin; not all of it is ASCII.
MARK = f"{PERSONAL}\N{LATIN SMALL LETTER U WITH DIAERESIS}"


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def day(number: int) -> str:
    """Where a day begins."""
    return iso(START + timedelta(days=number))


def between(documents: list[Document], first: int, end: int) -> list[Document]:
    """The documents of some days; the last one is that of the end, up to its first instant."""
    return [document for document in documents if day(first) < document["ts"] <= day(end)]


def history(seed: int = 7, events: int = 1800) -> list[Document]:
    """Purchases of loyal and of passing customers; refunds, cancels, enquiries, erases, and duplicates."""
    dice = random.Random(seed)
    # A few buy often, most once or twice; some only begin when others have gone.
    weights = [1 / (1 + number % 30) for number in range(CUSTOMERS)]
    first_day = [dice.choice((0, 0, 0, 20, 45)) for _ in range(CUSTOMERS)]
    last_day = [dice.choice((25, DAYS, DAYS)) for _ in range(CUSTOMERS)]
    bought: list[Document] = []
    said: list[Document] = []
    moments = sorted(1 + dice.randrange(DAYS * 24 * 4) for _ in range(events))
    for number, quarters in enumerate(moments):
        at = START + timedelta(minutes=15 * quarters)
        customer = dice.choices(range(CUSTOMERS), weights)[0]
        if not first_day[customer] <= quarters / 96 <= last_day[customer]:
            continue
        said.append(_event(dice, number, f"{MARK}-{customer:03}", iso(at), bought))
    return sorted(said, key=lambda document: document["ts"])


def _event(dice: random.Random, number: int, customer: str, ts: str, bought: list[Document]) -> Document:
    what = dice.random()
    earlier = dice.choice(bought[-200:]) if bought else None
    if what < 0.78 or earlier is None:
        amount = f"{dice.choice((5, 9.9, 20, 20, 75.25, 310))}"
        order = {"customer_id": customer, "order_id": f"{MARK}-o{number}", "ts": ts, "amount": amount}
        bought.append(order)
        return order
    named = {"customer_id": earlier["customer_id"], "order_id": earlier["order_id"], "ts": ts}
    if what < 0.86:
        refund = {**named, "type": "refund", "amount": f"{float(earlier['amount']) / dice.choice((1, 2, 4))}"}
        return refund | ({"refund_id": f"{MARK}-r{number}"} if number % 2 else {})
    if what < 0.90:
        return {**named, "type": "cancel"}
    if what < 0.95:  # delivered twice, the second time late
        return {**earlier, "ts": ts}
    if what < 0.99:
        return {"customer_id": customer, "type": "enquiry", "ts": ts}
    return {"customer_id": customer, "type": "erase", "ts": ts}


def written(path: Path, documents: list[Document]) -> Path:
    """Documents as JSON lines."""
    path.write_text("".join(json.dumps(document) + "\n" for document in documents), "utf-8")
    return path
