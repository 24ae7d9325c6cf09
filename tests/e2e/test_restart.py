"""What a worker that ended in the middle held is taken up again, and comes to what a replay says."""

import sys

import pytest
from broker import eventually
from flow import assert_cache_follows, assert_same, command, exported, replayed
from shop import DAYS, between, day, written
from workers import Worker

AS_OF, MIDDLE = day(DAYS), DAYS // 2
# A worker that cannot take what an agent hands it, from the second time on.
FAILING = """
from stream_rfm.cli.main import main
from stream_rfm.stream.writer import Writer
taken, take = [], Writer.{taking}
def fail(*handed):
    taken.append(handed)
    if len(taken) > 1:
        raise RuntimeError("cannot be taken")
    take(*handed)
Writer.{taking} = fail
main()
"""


@pytest.mark.parametrize("taking", ["take_orders", "take_reports"])
def test_worker_that_cannot_take_what_it_is_handed_ends_and_another_takes_it(
    documents, deployment, tmp_path, taking
):
    command("topics", "create")
    orders = written(tmp_path / "orders.jsonl", documents)
    failing = (sys.executable, "-c", FAILING.format(taking=taking), "worker")
    with Worker(tmp_path / "failing", command=failing) as worker:
        worker.wait_until_ready()
        command("produce", orders, "--until", AS_OF)
        assert worker.process.wait(60) == 1
        assert worker.said.rstrip().endswith("RuntimeError: cannot be taken")
    with Worker(tmp_path / "next") as following:
        following.wait_until_ready()
        export = exported(AS_OF, tmp_path / "export.csv")
        assert following.end() == 0
    assert_same(deployment, replayed(orders, AS_OF, tmp_path / "replay"), export)


def test_worker_that_was_killed_comes_back_from_its_snapshot(documents, deployment, choose, tmp_path):
    choose(snapshot_seconds=0.2)
    command("topics", "create")
    orders = written(tmp_path / "orders.jsonl", documents)
    with Worker(tmp_path / "killed") as killed:
        killed.wait_until_ready()
        command(
            "produce",
            written(tmp_path / "first.jsonl", between(documents, 0, MIDDLE)),
            "--until",
            day(MIDDLE),
        )
        exported(day(MIDDLE), tmp_path / "middle.csv")
        assert eventually(lambda: killed.metric("stream_rfm_snapshots_total", result="written") >= 3)
        killed.kill()
    with Worker(tmp_path / "second") as second:
        second.wait_until_ready()
        command(
            "produce", written(tmp_path / "rest.jsonl", between(documents, MIDDLE, DAYS)), "--until", AS_OF
        )
        export = exported(AS_OF, tmp_path / "export.csv")
        assert_cache_follows(deployment, export)
        assert second.logged("a snapshot is not used; the changelog is read from its beginning") == []
        assert second.end() == 0
        # What it wrote at its end is all that a third one needs, but for the marker of the transaction.
    with Worker(tmp_path / "third") as third:
        third.wait_until_ready()
        assert third.metric("stream_rfm_recovered_records_total") == 0
        assert third.metric("stream_rfm_customers") > 100
        assert exported(AS_OF, tmp_path / "again.csv").read_bytes() == export.read_bytes()
        assert third.end() == 0
    assert_same(deployment, replayed(orders, AS_OF, tmp_path / "replay"), export)
