"""Workers are ended, rules change, workers start: everybody is scored anew, once, and all goes on."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from broker import eventually
from flow import Said, assert_cache_follows, assert_chained, command, replayed, transitions
from shop import END, Document, day, history, iso, written
from workers import Worker

import stream_rfm
from stream_rfm.model import instant
from stream_rfm.model.transition import Cause
from stream_rfm.settings import load
from stream_rfm.stream.export import Export

MIDDLE = 30

Standings = dict[str, tuple[str, str | None]]


def lately(documents: list[Document]) -> list[Document]:
    """As if the shop's days had ended an hour ago."""
    later = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1) - END
    return [{**each, "ts": iso(datetime.fromisoformat(each["ts"]) + later)} for each in documents]


def exported(path: Path, as_of: str | None) -> str:
    """Everybody, as of an instant, or by the wall clock as of now at least; returns as of when it is."""
    at = time.time_ns() // 1000 if as_of is None else instant.parse(as_of)
    version, _ = asyncio.run(Export(load()).run(path, at, 60, lambda _: None))
    return instant.iso(version.as_of)


def standings(path: Path) -> Standings:
    """Segment and code of each customer of an export."""
    rows = [line.split(",") for line in path.read_text("utf-8").splitlines()[1:]]
    return {row[0]: (row[8], row[7] or None) for row in rows}


@pytest.mark.parametrize("clock", ["wall", "event"])
def test_everybody_is_scored_by_the_new_rules_and_told_why(clock, deployment, choose, tmp_path):
    by_event = clock == "event"
    documents = history() if by_event else lately(history())
    middle = sum(each["ts"] <= day(MIDDLE) for each in history())
    parts = [documents[:middle], documents[middle:]]
    files = [written(tmp_path / f"{number}.jsonl", part) for number, part in enumerate(parts)]
    orders = written(tmp_path / "orders.jsonl", documents)
    grid = tmp_path / "grid.toml"
    classic = Path(stream_rfm.__file__).parent / "model" / "grids" / "classic-5.toml"
    grid.write_text(classic.read_text("utf-8").replace('"champions"', '"dearest"'), "utf-8")
    choose(
        clock=clock, min_customers=20, rescore_seconds=1, window_days=40, dedupe_days=400, grid="three-level"
    )
    until = [["--until", day(MIDDLE)], ["--until", day(60)]] if by_event else [[], []]
    as_of = [day(MIDDLE), day(60)] if by_event else [None, None]
    command("topics", "create")
    with Worker(tmp_path / "former") as former:
        former.wait_until_ready()
        command("produce", files[0], *until[0])
        assert eventually(lambda: former.metric("stream_rfm_order_events_total") >= middle)
        exported(tmp_path / "former.csv", as_of[0])
        assert former.end() == 0
    stood, said_before = standings(tmp_path / "former.csv"), transitions(deployment)[0]

    choose(grid=grid, window_days=14)
    with Worker(tmp_path / "killed") as killed:
        assert eventually(
            lambda: killed.logged("rules changed; customers are scored again, and orders wait for it")
        )
        killed.kill()
    with Worker(tmp_path / "new") as new:
        new.wait_until_ready()
        at = exported(tmp_path / "middle.csv", as_of[0])
        assert_same_as_replay(tmp_path / "middle.csv", files[0], at, tmp_path / "at-middle")
        assert_cache_follows(deployment, tmp_path / "middle.csv")
        said = transitions(deployment)[0]
        news = {customer: said[customer][len(said_before[customer]) :] for customer in stood}
        assert_told(news, stood, standings(tmp_path / "middle.csv"))
        command("produce", files[1], *until[1])
        assert eventually(lambda: new.metric("stream_rfm_order_events_total") >= len(parts[1]))
        at = exported(tmp_path / "end.csv", as_of[1])
        assert_same_as_replay(tmp_path / "end.csv", orders, at, tmp_path / "at-end")
        assert_cache_follows(deployment, tmp_path / "end.csv")
        assert new.logged("a snapshot is not used; the changelog is read from its beginning") == []
        assert new.end() == 0
    said, ids = transitions(deployment)
    assert set(ids.values()) == {1}
    assert_chained(said)


def assert_same_as_replay(export: Path, orders: Path, at: str, folder: Path) -> None:
    assert export.read_bytes() == (replayed(orders, at, folder) / "segments.csv").read_bytes()


def assert_told(news: Said, stood: Standings, stand: Standings) -> None:
    """Everybody whose segment is another one was told so, once, from how they stood to how they stand."""
    moved = [customer for customer, (segment, _) in stood.items() if segment != stand[customer][0]]
    assert len(moved) > 50
    for customer in moved:
        [said] = news[customer]
        assert said["cause"] == Cause.CONFIG
        assert (said["from"], said["before"]["code"]) == stood[customer]
        assert (said["to"], said["after"]["code"]) == stand[customer]
    assert all(not news[customer] for customer in stood.keys() - set(moved))
