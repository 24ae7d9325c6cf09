"""Where to look when all is over, and what a reader of committed records finds there."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import truth
from broker import records
from standing import Scale, Version

DAY = 86_400.0

#: The topics that workers write in transactions, beside the changelog.
TOPICS = (
    *("segment-transitions", "customer-segments", "orders-dead-letters"),
    *("rfm-partition-summaries", "rfm-quantiles"),
)


@dataclass
class Outcome:
    """Where to look.

    Attributes:
        servers: of the broker.
        redis_url: of Redis.
        prefix: of all topics.
        group: of the workers, which is their deployment's name, too.
        partitions: how many the orders have.
        orders: what was sent.
        bad: how many of them cannot count, by reason.
        export: what the workers' state says.
        as_of: the instant of the export, in seconds since 1970; ``None`` with the wall clock.
        window_days: for how long purchases count.
        replay: the folder that holds what a replay said; ``None`` with the wall clock.
    """

    servers: str
    redis_url: str
    prefix: str
    group: str
    partitions: int
    orders: Path
    bad: Counter[str]
    export: Path
    as_of: float | None
    window_days: float
    replay: Path | None
    compared: int = field(default=0, init=False)
    """How many transitions were found and compared."""

    def topic(self, name: str) -> str:
        return f"{self.prefix}{name}"

    @property
    def changelog(self) -> str:
        return f"{self.group}-customers-changelog"

    @property
    def window(self) -> float:
        """In seconds."""
        return self.window_days * DAY

    @cached_property
    def events(self) -> dict[str, list[truth.Event]]:
        return truth.events_of(self.orders)

    @cached_property
    def scale(self) -> Scale:
        return Scale.of_grid()

    def committed(self, name: str) -> list[Any]:
        """What a reader of committed records finds in a topic, partition by partition."""
        found = records(self.servers, self.topic(name))
        return [record for number in sorted(found) for record in found[number]]

    def versions(self) -> dict[int, Version]:
        """The published versions of the cut points, by number."""
        said = [json.loads(record.value) for record in self.committed("rfm-quantiles")]
        return {each["version"]: Version.of(each) for each in said}

    def current_segments(self) -> dict[str, dict[str, Any]]:
        """What the topic of current segments says of everybody who was not erased."""
        latest: dict[str, dict[str, Any] | None] = {}
        for record in self.committed("customer-segments"):
            latest[record.key.decode()] = None if record.value is None else json.loads(record.value)
        return {customer: said for customer, said in latest.items() if said}
