"""Orders whose truth is known: a function of the seed, in order of time, some of them bad on purpose."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 1, 1, tzinfo=UTC)

_BAD: dict[str, dict[str, Any]] = {
    "unknown-currency": {"currency": "XXX"},
    "invalid-amount": {"amount": "-1"},
    "unknown-type": {"type": "gift"},
    "invalid-time": {"ts": "yesterday"},
}


def iso(at: datetime) -> str:
    """An instant as orders say it."""
    return at.isoformat().replace("+00:00", "Z")


def write(path: Path, seed: int, events: int, start: datetime, days: int, customers: int) -> Counter[str]:
    """Write a history as JSON lines.

    Returns:
        How many of its events cannot count, by reason.
    """
    dice = random.Random(seed)
    seconds = sorted(dice.randrange(days * 86_400) for _ in range(events))
    bad: Counter[str] = Counter()
    bought: list[dict[str, Any]] = []
    with path.open("w", encoding="utf-8") as lines:
        for number, second in enumerate(seconds):
            # A few buy all the time, most rarely.
            customer = f"c{int(customers * dice.random() ** 3)}"
            said = _event(dice, number, customer, iso(start + timedelta(seconds=second)), bought)
            if dice.random() < 0.01 and said.get("type", "order") == "order":
                reason = dice.choice(list(_BAD))
                said = said | _BAD[reason]
                bad[reason] += 1
            lines.write(json.dumps(said) + "\n")
    return bad


def _event(
    dice: random.Random, number: int, customer: str, ts: str, bought: list[dict[str, Any]]
) -> dict[str, Any]:
    what = dice.random()
    if what < 0.85 or not bought:
        amount = str(dice.choice((5, 9.9, 20, 75.25, 310)))
        said = {"customer_id": customer, "order_id": f"o{number}", "ts": ts, "amount": amount}
        bought.append(said)
        return said
    earlier = dice.choice(bought[-500:])
    named = {"customer_id": earlier["customer_id"], "order_id": earlier["order_id"], "ts": ts}
    if what < 0.91:
        return {**named, "type": "refund", "amount": "4.5", "refund_id": f"r{number}"}
    if what < 0.94:
        return {**named, "type": "cancel"}
    if what < 0.995:
        return {**earlier, "ts": ts}
    return {"customer_id": customer, "type": "erase", "ts": ts}
