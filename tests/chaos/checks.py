"""What has to be true when all is over, asked of the broker and of Redis alone: none of it by the stream.

With the event clock the expected transitions and segments come from a replay of the same orders; with both,
what they say is compared with what the orders come to in plain Python.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import truth
from broker import committed_offsets, eventually, uncounted
from dead_letters import wrong_letters
from echo import wrong_echoes
from kafka import KafkaAdminClient
from open_ends import hanging
from outcome import Outcome
from standing import wrong_versions

_GROUP_SECONDS = 60.0


def findings(outcome: Outcome) -> Iterator[str]:
    """Everything that is wrong; nothing, if nothing is."""
    yield from _group(outcome)
    yield from truth.state(outcome.export, outcome.events, outcome.as_of, outcome.window)
    said = _transitions(outcome)
    yield from _said_once(outcome, said)
    yield from _contiguous(said)
    yield from _follow_from_events(outcome, said)
    yield from _scored(outcome, said)
    yield from _segments(outcome, said)
    if outcome.replay is not None:
        yield from _as_replayed(outcome, outcome.replay, said)
    orders = outcome.committed("orders")
    counted = committed_offsets(outcome.servers, outcome.topic("orders"), outcome.group)
    yield from wrong_echoes(orders, outcome.committed("segment-transitions"), counted)
    yield from wrong_letters(orders, outcome.committed("orders-dead-letters"), outcome.bad)
    yield from hanging(outcome)


def published(outcome: Outcome) -> dict[str, int]:
    """How many records others can read of what a restart may not make again."""
    names = ("segment-transitions", "customer-segments", "orders-dead-letters")
    return {name: len(outcome.committed(name)) for name in names}


def _group(outcome: Outcome) -> Iterator[str]:
    left = uncounted(outcome.servers, outcome.topic("orders"), outcome.group)
    if left:
        yield f"the committed offsets are {left} away from the end of the orders"
    admin = KafkaAdminClient(bootstrap_servers=outcome.servers)
    try:

        def members() -> int:
            [group] = admin.describe_groups([outcome.group]).values()
            return len(group["members"])

        if not eventually(lambda: not members(), _GROUP_SECONDS):
            yield f"{members()} members are still in the group"
    finally:
        admin.close()


def _transitions(outcome: Outcome) -> dict[str, list[dict[str, Any]]]:
    said = defaultdict(list)
    for record in outcome.committed("segment-transitions"):
        each = json.loads(record.value) | {"ce_id": dict(record.headers)["ce_id"]}
        said[each["customer_id"]].append(each)
    return said


def _said_once(outcome: Outcome, said: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    ids = Counter(each["ce_id"] for some in said.values() for each in some)
    outcome.compared = ids.total()
    twice = sum(1 for count in ids.values() if count > 1)
    if twice:
        yield f"{twice} transitions were published more than once"


def _contiguous(said: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    torn = 0
    for some in said.values():
        sequence, standing = 0, None
        for each in some:
            torn += each["sequence"] != sequence + 1 or each["from"] != standing
            # Who comes back after an erase is somebody new.
            sequence, standing = (each["sequence"], each["to"]) if each["to"] else (0, None)
    if torn:
        yield f"{torn} transitions do not go on where the one before has ended"


def _follow_from_events(outcome: Outcome, said: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    wrong = [
        finding
        for customer, some in said.items()
        for finding in truth.transitions(
            some, outcome.events.get(customer, []), outcome.window, event_clock=outcome.replay is not None
        )
    ]
    if wrong:
        yield f"{len(wrong)} of {len(said)} customers have transitions that do not follow: {wrong[0]}"


def _as_replayed(outcome: Outcome, replay: Path, said: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    if outcome.export.read_bytes() != (replay / "segments.csv").read_bytes():
        yield "the state is not what the replay says"
    expected = defaultdict(list)
    with (replay / "transitions.jsonl").open("rb") as lines:
        for each in map(json.loads, lines):
            expected[each["customer_id"]].append(_of_the_input(each))
    found = {customer: [_of_the_input(each) for each in some] for customer, some in said.items()}
    wrong = [
        customer
        for customer in expected.keys() | found.keys()
        if expected.get(customer) != found.get(customer)
    ]
    if wrong:
        yield f"{len(wrong)} of {len(expected)} customers have other transitions than in the replay"


def _of_the_input(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in {"detected_at", "ce_id"}}


def _scored(outcome: Outcome, said: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    yield from wrong_versions(outcome.committed("rfm-quantiles"))
    versions = outcome.versions()
    found = (outcome.scale.unlike(each, versions) for some in said.values() for each in some)
    wrong = [finding for finding in found if finding]
    if wrong:
        yield f"{len(wrong)} transitions do not say what their version comes to: {wrong[0]}"


def _segments(outcome: Outcome, said: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    current = outcome.current_segments()
    last = {
        customer: (some[-1]["to"], some[-1]["sequence"]) for customer, some in said.items() if some[-1]["to"]
    }
    if {customer: (each["segment"], each["sequence"]) for customer, each in current.items()} != last:
        yield "the topic of current segments is not where the last transitions led"
    shown = {customer: (each["segment"], each["code"] or "") for customer, each in current.items()}
    if outcome.replay is not None and shown != exported(outcome.export):
        yield "the topic of current segments is not what the state says"


def exported(export: Path) -> dict[str, tuple[str, str]]:
    """Everybody's segment and code in an export."""
    with export.open(encoding="utf-8", newline="") as lines:
        return {row["customer_id"]: (row["segment"], row["code"]) for row in csv.DictReader(lines)}
