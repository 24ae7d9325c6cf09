from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from driver import small_blocks
from events import DAY, HOUR, ended, histories
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import by_customer, replay
from scorer import GRID

from stream_rfm.intake.document import Intake
from stream_rfm.model import instant, money, transition, version
from stream_rfm.model.grid import load
from stream_rfm.model.order import HAS_AMOUNT, OrderEvent, Reason
from stream_rfm.model.rules import Rules
from stream_rfm.offline import orders_file
from stream_rfm.offline import replay as replay_module
from stream_rfm.offline.replay import Replay, Replayed

SHARED = Path(__file__).parents[3] / "shared" / "data"
INTAKE = Intake("EUR", instant.parse("2100-01-01"))
RULES = Rules(GRID, window=30 * DAY, min_customers=1)
AS_OF = instant.parse("2026-02-01T00:00:00Z")


@dataclass
class Made:
    """What a replay has written."""

    folder: Path
    result: Replayed

    def segments(self) -> dict[str, dict[str, str]]:
        with (self.folder / "segments.csv").open(encoding="utf-8", newline="") as text:
            return {row["customer_id"]: row for row in csv.DictReader(text)}

    def transitions(self) -> list[dict]:
        return [json.loads(line) for line in (self.folder / "transitions.jsonl").open(encoding="utf-8")]

    def versions(self) -> list[dict]:
        return json.loads((self.folder / "quantiles.json").read_text("utf-8"))

    def bytes(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.folder.iterdir())}


def run(folder, documents, rules=RULES, as_of=AS_OF, interval=DAY, intake=INTAKE) -> Made:
    return Made(folder, Replay(rules, interval, intake, as_of, folder).run(documents, lambda _: None))


def document(customer: str, kind: str, ts: str, order_id: str = "", amount: str = "", **more) -> dict:
    said = {"customer_id": customer, "type": kind, "ts": ts, "order_id": order_id, "amount": amount, **more}
    return {name: value for name, value in said.items() if value}


#: Every kind of event, with values that were calculated by hand.
BY_HAND = [
    document("lapsed", "order", "2025-11-01T00:00:00Z", "1", "80"),
    document("a", "order", "2025-12-20T00:00:00Z", "1", "100"),
    document("b", "order", "2026-01-05T00:00:00Z", "1", "10"),
    document("b", "order", "2026-01-10T00:00:00Z", "2", "20"),
    document("b", "refund", "2026-01-12T00:00:00Z", "1", "5"),
    document("gone", "order", "2026-01-12T00:00:00Z", "1", "5"),
    document("c", "order", "2026-01-20T00:00:00Z", "1", "10.10"),
    document("c", "order", "2026-01-20T00:00:00Z", "1", "10.10"),
    document("c", "order", "2026-01-25T00:00:00Z", "2", "200"),
    document("c", "cancel", "2026-01-26T00:00:00Z", "2"),
    document("asked", "enquiry", "2026-01-27T00:00:00Z"),
    document("gone", "erase", "2026-01-28T00:00:00Z"),
    document("a", "order", "2026-01-30T12:00:00Z", "2", "50"),
    document("d", "order", "2026-01-31T00:00:00Z", "1", "7"),
    document("d", "order", "2026-01-31T12:00:00Z", "2", "8"),
    document("d", "order", "2026-02-01T00:00:01Z", "3", "99"),
]


def test_segments_are_what_a_calculation_by_hand_gives(tmp_path):
    made = run(tmp_path, BY_HAND)
    # Ages 0.5, 1.5, 12, 22 days: cut points 1.5 and 12. Frequencies 1, 1, 2, 2: 1 and 2.
    # Money 10.10, 15, 25, 50: 15 and 25.
    assert [list(row.values()) for row in made.segments().values()] == [
        ["a", "1.5", "1", "50.00", "3", "1", "3", "313", "prospective"],
        ["asked", "", "0", "0.00", "", "", "", "", "prospect"],
        ["b", "22.0", "2", "25.00", "1", "2", "2", "122", "at-risk"],
        ["c", "12.0", "1", "10.10", "2", "1", "1", "211", "sleeper"],
        ["d", "0.5", "2", "15.00", "3", "2", "1", "321", "prospective"],
        ["lapsed", "92.0", "0", "0.00", "", "", "", "", "lapsed"],
    ]
    assert made.versions()[-1]["cut_points"] == {
        "recency_days": [1.5, 12.0],
        "frequency": [1, 2],
        "monetary": ["15.00", "25.00"],
    }
    assert (made.result.orders, made.result.after, made.result.customers) == (15, 1, 6)


def test_transitions_lead_to_the_segments_without_a_gap(tmp_path):
    made = run(tmp_path, BY_HAND)
    assert_chained(made)
    assert len(made.transitions()) == made.result.transitions
    gone = [(t["sequence"], t["cause"], t["to"]) for t in made.transitions() if t["customer_id"] == "gone"]
    assert gone[-1][1:] == ("erase", None)


def test_the_first_days_of_a_small_history_by_hand(tmp_path):
    documents = [
        document("a", "order", "2026-01-01T06:00:00Z", "1", "10"),
        document("b", "order", "2026-01-01T18:00:00Z", "1", "20"),
        document("a", "order", "2026-01-03T06:00:00Z", "2", "10"),
    ]
    rules = Rules(GRID, window=None, min_customers=2)
    made = run(tmp_path, documents, rules, as_of=instant.parse("2026-01-04T00:00:00Z"))
    said = [
        (t["customer_id"], t["sequence"], t["to"], t["cause"], t["effective_at"]) for t in made.transitions()
    ]
    assert said == [
        ("a", 1, "unscored", "order", "2026-01-01T06:00:00Z"),
        ("b", 1, "unscored", "order", "2026-01-01T18:00:00Z"),
        # Cut points: ages of 6 and 18 hours, one order and one, 10 and 20. So a is 211 and b is 312.
        ("a", 2, "sleeper", "quantiles", "2026-01-02T00:00:00Z"),
        ("b", 2, "prospective", "quantiles", "2026-01-02T00:00:00Z"),
        # A second order, of age 0 and with the first worth 20: 332.
        ("a", 3, "loyal", "order", "2026-01-03T06:00:00Z"),
        # Cut points: 18 and 54 hours, one order and two, 20 and 20. So a is 321, for nothing but those, and
        # b is 211; at 54 hours it would have been old by the cut points of the day before, 30 and 42 hours.
        ("a", 4, "prospective", "quantiles", "2026-01-04T00:00:00Z"),
        ("b", 3, "sleeper", "decay", "2026-01-04T00:00:00Z"),
    ]
    assert [(v["version"], v["as_of"], v["population"]) for v in made.versions()] == [
        (0, "2026-01-01T00:00:00Z", 0),
        (1, "2026-01-02T00:00:00Z", 2),
        (2, "2026-01-03T00:00:00Z", 2),
        (3, "2026-01-04T00:00:00Z", 2),
    ]


def test_a_history_may_begin_with_the_first_instant_there_is(tmp_path):
    documents = [document("a", "order", "1970-01-01T00:00:00Z", "1", "10")]
    made = run(tmp_path, documents, as_of=2 * DAY)
    as_of = [version.from_document(said).as_of for said in made.versions()]
    assert as_of == [0, DAY, 2 * DAY]


def test_an_as_of_between_two_boundaries_has_a_version_of_its_own(tmp_path):
    made = run(tmp_path, BY_HAND, as_of=AS_OF - HOUR)
    assert [v["as_of"] for v in made.versions()[-2:]] == ["2026-01-31T00:00:00Z", "2026-01-31T23:00:00Z"]
    assert made.segments()["a"]["recency_days"] == repr(1.5 - 1 / 24)


def test_an_as_of_may_lie_long_after_the_last_order(tmp_path):
    made = run(tmp_path, BY_HAND, as_of=AS_OF + 100 * DAY)
    assert {row["segment"] for row in made.segments().values()} == {"lapsed", "prospect"}
    assert made.result.after == 0
    assert_chained(made)


def test_an_as_of_before_the_first_order_leaves_nothing(tmp_path):
    made = run(tmp_path, BY_HAND, as_of=instant.parse("2025-01-01T00:00:00Z"))
    assert (made.segments(), made.transitions(), made.result.after) == ({}, [], 16)


def test_no_orders_at_all_are_no_customers(tmp_path):
    made = run(tmp_path, [])
    assert (made.segments(), made.transitions(), made.result.orders) == ({}, [], 0)


def test_what_is_refused_is_counted_by_its_reason_and_the_others_count(tmp_path):
    bad = [
        {"customer_id": 5, "ts": "2026-01-01"},
        document("x", "order", "2026-01-01T00:00:00Z", "1"),
        document("x", "order", "nonsense", "1", "5"),
        document("x", "order", "2026-01-01T00:00:00Z", "1", "-5"),
        document("", "order", "2026-01-01T00:00:00Z", "1", "5"),
        *(document("x", "order", "2026-01-01T00:00:00Z", f"l{n}", "1e12") for n in range(10)),
    ]
    made = run(tmp_path, [*bad, *BY_HAND])
    assert made.result.rejected == {
        Reason.WRONG_TYPE: 1,
        Reason.MISSING_FIELD: 2,
        Reason.INVALID_TIME: 1,
        Reason.INVALID_AMOUNT: 1,
        Reason.SUM_TOO_LARGE: 1,
    }
    assert set(made.segments()) == {"a", "asked", "b", "c", "d", "lapsed", "x"}


def test_progress_is_told_of_every_document(tmp_path, monkeypatch):
    monkeypatch.setattr(replay_module, "_CHUNK", 5)
    told = []
    Replay(RULES, DAY, INTAKE, AS_OF, tmp_path / "told").run(BY_HAND, told.append)
    assert told == [5, 5, 5, 1]
    assert Made(tmp_path / "told", Replayed()).bytes() == run(tmp_path / "whole", BY_HAND).bytes()


def test_two_replays_write_the_same_bytes(tmp_path):
    one, other = (run(tmp_path / name, BY_HAND) for name in ("one", "other"))
    assert one.bytes() == other.bytes()
    assert sorted(one.bytes()) == ["quantiles.json", "segments.csv", "transitions.jsonl"]


def test_ten_levels_best_low_and_linear_may_be_asked_for(tmp_path):
    rules = Rules(load("classic-5"), window=None, min_customers=1, method="linear", best="low")
    made = run(tmp_path, BY_HAND, rules)
    assert made.versions()[-1]["method"] == "linear"
    assert made.segments()["d"]["r"] == "1"


rules = st.builds(
    lambda window, min_customers: Rules(GRID, window=window, dedupe=2 * DAY, min_customers=min_customers),
    st.sampled_from([10 * DAY, None, DAY // 2]),
    st.sampled_from([1, 3]),
)


@settings(max_examples=30)
@given(histories(max_size=40), rules, st.sampled_from([DAY, 5 * DAY]))
def test_a_replay_says_what_plain_profiles_say(tmp_path_factory, history, rules, interval):
    history = ended(history, interval)
    expected = replay(history, rules, interval)
    with small_blocks():
        folder = tmp_path_factory.mktemp("replay")
        made = run(folder, map(document_of, history), rules, history[-1].at, interval)
    found: dict[str, list[dict]] = {}
    for each in made.transitions():
        found.setdefault(each["customer_id"], []).append(each)
    assert found == {
        customer: [transition.to_document(each, rules, None) for each in transitions]
        for customer, transitions in by_customer(expected.oracle.transitions).items()
    }
    assert made.versions() == [version.to_document(each, rules) for each in expected.versions]


def document_of(event: OrderEvent) -> dict:
    said = {
        "type": event.kind.name.lower(),
        "customer_id": event.customer_id,
        "order_id": event.order_id,
        "refund_id": event.refund_id,
        "amount": money.plain(event.amount) if event.kind in HAS_AMOUNT else None,
        "ts": instant.iso(event.at),
    }
    return {name: value for name, value in said.items() if value}


def assert_chained(made: Made) -> None:
    """Each transition begins where its customer's last one ended, and the last is in segments.csv."""
    stands: dict[str, tuple[str | None, int]] = {}
    for each in made.transitions():
        source, sequence = stands.get(each["customer_id"], (None, 0))
        assert (each["from"], each["sequence"]) == (source, sequence + 1)
        stands[each["customer_id"]] = (each["to"], each["sequence"] if each["to"] else 0)
    final = {customer: segment for customer, (segment, _) in stands.items() if segment}
    assert final == {customer: row["segment"] for customer, row in made.segments().items()}


# Real orders, and what an independent calculation says of them.

RESULTS = (
    "cdnow_master__1998-07-01__w365__n5",
    "cdnow_master__1998-07-01__wall__n3",
    "cdnow_master__1998-07-01__wall__n5",
    "online_retail__2011-12-10__w90__n5",
    "online_retail__2011-12-10__wall__n5",
)
shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"the real orders are not there: {SHARED} does not exist"
)


@cache
def documents_of(name: str) -> list[dict]:
    return list(orders_file.read(SHARED / f"{name}.orders.csv.gz"))


def replayed(folder: Path, result: str, method: str, interval: int) -> Made:
    name, date, window, levels = result.split("__")
    rules = Rules(
        load({"n5": "classic-5", "n3": "three-level"}[levels]),
        window=None if window == "wall" else int(window[1:]) * DAY,
        method=method,
    )
    return run(folder, documents_of(name), rules, instant.parse(date), interval)


@shared
@pytest.mark.parametrize(("method", "column"), [("inverted_cdf", "inv"), ("linear", "lin")])
@pytest.mark.parametrize("result", RESULTS)
def test_real_orders_give_what_an_independent_calculation_gives(tmp_path, result, method, column):
    # Where versions lie does not matter for where customers stand in the end; with few of them it is quick.
    made = replayed(tmp_path, result, method, (1000 if "wall" in result else 100) * DAY)
    with gzip.open(SHARED / f"{result}.csv.gz", "rt", newline="") as text:
        expected = {row["customer_id"]: row for row in csv.DictReader(text)}
    found = made.segments()
    for customer, row in expected.items():
        got = found[customer]
        assert float(got["recency_days"]) == float(row["recency_days"])
        assert got["frequency"] == row["frequency"]
        assert Decimal(got["monetary"]) == Decimal(row["monetary"])
        assert [got[d] for d in "rfm"] == [row[f"{d.upper()}_{column}"] for d in "rfm"]
    assert {customer for customer, row in found.items() if row["code"]} == set(expected)
    assert not made.result.rejected


@shared
def test_every_transition_of_real_orders_follows_the_one_before_and_the_last_is_where_they_stand(tmp_path):
    made = replayed(tmp_path, "online_retail__2011-12-10__w90__n5", "inverted_cdf", DAY)
    assert_chained(made)
    assert made.result.transitions > 30_000


@shared
def test_two_replays_of_real_orders_write_the_same_bytes(tmp_path):
    result = "online_retail__2011-12-10__wall__n5"
    one, other = (replayed(tmp_path / n, result, "linear", 30 * DAY) for n in ("one", "other"))
    assert one.bytes() == other.bytes()
