"""A name keeps partitions while a process is exchanged, and only one process at a time goes under it."""

import pytest
from broker import eventually
from members import committed, member_of, transactions_of, until, work_of
from workers import Worker

from stream_rfm.stream.transaction import NotCommittedError

TAKEOVER = "took partitions over"


def named(name):
    return {"STREAM_RFM_KAFKA__INSTANCE_ID": name}


async def test_who_lost_the_name_commits_nothing(declared):
    async with transactions_of(declared) as transactions, member_of(declared, "a") as first:
        before = first.membership
        await transactions.commit(work_of(declared, b"before", offset=5), before)
        async with member_of(declared, "a") as second:
            # The generation is the same: it is the name's new owner that fences.
            assert second.membership.generation == before.generation
            with pytest.raises(NotCommittedError) as failure:
                await transactions.commit(work_of(declared, b"stale", offset=9), before)
            assert "FencedMemberError" in str(failure.value)
            assert await until(lambda: first.fenced)
            assert await committed(declared) == {0: 5}
            await transactions.renew()
            await transactions.commit(work_of(declared, b"after", offset=6), second.membership)
    assert await committed(declared) == {0: 6}


@pytest.mark.usefixtures("declared")
def test_worker_that_comes_back_under_its_name_moves_nothing(tmp_path):
    with Worker(tmp_path / "b", named("b")) as other:
        other.wait_until_ready()
        with Worker(tmp_path / "a", named("a")) as worker:
            worker.wait_until_ready()
            assert eventually(lambda: len(worker.logged(TAKEOVER)) == 1)
            mine, theirs = worker.logged(TAKEOVER)[0]["partitions"], len(other.logged(TAKEOVER))
            assert worker.end() == 0
        with Worker(tmp_path / "again", named("a")) as again:
            assert eventually(lambda: again.logged(TAKEOVER), 30)
            assert again.logged(TAKEOVER)[0]["partitions"] == mine
            assert len(other.logged(TAKEOVER)) == theirs
            assert again.end() == 0


@pytest.mark.usefixtures("declared")
def test_worker_whose_name_is_taken_ends_and_says_why(tmp_path):
    with Worker(tmp_path / "first", named("a")) as first:
        first.wait_until_ready()
        with Worker(tmp_path / "second", named("a")) as second:
            second.wait_until_ready()
            assert eventually(lambda: not first.running, 20)
            assert first.process.returncode == 0
            assert first.logged("another process has joined under this worker's name; ending")
            assert len(first.logged(TAKEOVER)) == 1
            assert second.running
            assert second.end() == 0
