"""Offsets go with the group's generation: whoever lost its partitions commits nothing any more (KIP-447)."""

import pytest
from members import committed, member_of, transactions_of, until, values_in, work_of

from stream_rfm.stream.offset_commit import Membership
from stream_rfm.stream.transaction import NotCommittedError


async def test_member_commits_in_its_generation(declared):
    async with transactions_of(declared) as transactions, member_of(declared) as member:
        await transactions.commit(work_of(declared, b"one", offset=5), member.membership)
        await transactions.commit(work_of(declared, b"two", partition=2, offset=7), member.membership)
        assert await committed(declared) == {0: 5, 2: 7}
        assert await values_in(declared, declared.topics.transitions.name) == [b"one"]


async def test_transaction_of_an_earlier_generation_fails_as_a_whole(declared):
    async with transactions_of(declared) as transactions, member_of(declared) as first:
        before = first.membership
        await transactions.commit(work_of(declared, b"before", offset=5), before)
        async with member_of(declared) as second:
            assert await until(lambda: second.membership.generation == first.membership.generation)
            assert second.membership.generation > before.generation
            with pytest.raises(NotCommittedError) as failure:
                await transactions.commit(work_of(declared, b"stale", offset=9), before)
            assert "FencedMemberError" in str(failure.value)
            assert await committed(declared) == {0: 5}
            # With a new producer, and in the generation that is, it goes on.
            await transactions.renew()
            await transactions.commit(work_of(declared, b"after", offset=6), first.membership)
    assert await committed(declared) == {0: 6}
    assert await values_in(declared, declared.topics.transitions.name) == [b"before", b"after"]


@pytest.mark.parametrize(
    "changed", [{"member_id": "somebody-else"}, {"generation": 99}], ids=["member", "generation"]
)
async def test_who_is_no_member_commits_nothing(declared, changed):
    async with transactions_of(declared) as transactions, member_of(declared) as member:
        known = member.membership
        stranger = Membership(**{"generation": known.generation, "member_id": known.member_id} | changed)
        with pytest.raises(NotCommittedError) as failure:
            await transactions.commit(work_of(declared, b"never"), stranger)
        assert "FencedMemberError" in str(failure.value)
    assert await committed(declared) == {}
    assert await values_in(declared, declared.topics.transitions.name) == []
