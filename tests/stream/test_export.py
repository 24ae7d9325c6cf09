"""What an export refuses; what it writes is compared with a replay in ``tests/e2e``."""

import asyncio
import re

import pytest
from members import member_of
from open_transaction import killed_as_it_published
from parts import day, heartbeat, order, parts_of

from stream_rfm.kafka.admin import admin_client
from stream_rfm.local.kafka import KafkaBroker
from stream_rfm.model import instant
from stream_rfm.offline.output import OutputError
from stream_rfm.settings import SettingsError
from stream_rfm.stream.export import Export, ExportError

FIRST_DAY = [order(0, "c-a"), heartbeat(1, day(1))]
#: What the first day looked like does not follow from what is known after the second.
SECOND_DAY = [
    order(2, "c-b", ts=day(1.5)),
    order(3, "c-a", type="cancel", order_id="o0", ts=day(1.7)),
    heartbeat(4, day(2)),
]


@pytest.fixture
async def score(declared, monkeypatch):
    """Counts what it is given in one go, in the first partition; nothing happens in the others."""
    monkeypatch.setenv("STREAM_RFM_CLOCK", "event")
    monkeypatch.setenv("STREAM_RFM_MIN_CUSTOMERS", "1")
    async with member_of(declared) as member, parts_of(declared.settings) as parts:
        await parts.take_over(member.membership, 0, 1, 2, merge=True)

        async def scored(run):
            await parts.count(member.membership, 0, *run)
            for number in (1, 2):
                await parts.count(member.membership, number, run[-1])
            while parts.writer.has_work():
                await parts.count(member.membership, 0)

        yield scored


@pytest.fixture
async def scored(declared, score):
    """A deployment of which two days have been scored, one after the other."""
    await score(FIRST_DAY)
    await score(SECOND_DAY)
    return declared


async def export(deployment, tmp_path, as_of=None, seconds=20.0):
    out = tmp_path / "export.csv"
    said = []
    instant_ = None if as_of is None else instant.parse(as_of)
    version, count = await Export(deployment.settings).run(out, instant_, seconds, said.append)
    rows = [line.split(",") for line in out.read_text().splitlines()[1:]]
    assert len(rows) == count
    return version.number, {row[0]: int(row[2]) for row in rows}


async def test_it_is_as_of_the_version_asked_for_or_of_the_latest(scored, tmp_path):
    assert await export(scored, tmp_path, day(1)) == (1, {"c-a": 1})
    assert await export(scored, tmp_path, day(2)) == (2, {"c-a": 0, "c-b": 1})
    assert await export(scored, tmp_path) == (2, {"c-a": 0, "c-b": 1})


async def test_what_came_later_is_not_in_it_though_it_was_there_already(declared, score, tmp_path):
    await score([*FIRST_DAY, *SECOND_DAY])
    assert await export(declared, tmp_path, day(1)) == (1, {"c-a": 1})
    assert await export(declared, tmp_path, day(2)) == (2, {"c-a": 0, "c-b": 1})


async def test_instant_that_nobody_is_scored_as_of_is_refused_with_the_nearest(scored, tmp_path):
    with pytest.raises(SettingsError) as failure:
        await export(scored, tmp_path, day(1.5))
    assert day(1) in str(failure.value)
    assert day(2) in str(failure.value)


async def test_partitions_that_did_not_get_there_are_named(scored, tmp_path):
    with pytest.raises(ExportError, match=r"Partitions 0, 1, 2 have not been scored as of .* within 0.1 s"):
        await export(scored, tmp_path, day(3), 0.1)


async def test_a_file_that_cannot_be_written_is_named_before_anything_is_waited_for(declared, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match=r"file/export\.csv cannot be written: .* with --out\."):
        await export(declared, tmp_path / "file", None, 0.1)


async def test_topics_without_anything_are_waited_for_in_vain(declared, tmp_path):
    with pytest.raises(ExportError, match=r"0, 1, 2 have not been scored within 0.1 s: does a worker"):
        await export(declared, tmp_path, None, 0.1)


async def test_orders_that_were_counted_before_there_is_a_version_are_waited_for_too(
    declared, tmp_path, monkeypatch
):
    monkeypatch.setenv("STREAM_RFM_MIN_CUSTOMERS", "100")
    async with member_of(declared) as member, parts_of(declared.settings) as parts:
        await parts.take_over(member.membership, 0, 1, 2, merge=True)
        for number in range(3):
            await parts.count(member.membership, number, order(0, f"c-{number}"))
    with pytest.raises(ExportError, match=r"0, 1, 2 have not been scored within 0.1 s: does a worker"):
        await export(declared, tmp_path, None, 0.1)


@pytest.fixture(scope="module")
def creating(services, tmp_path_factory):  # noqa: ARG001 - with which the cache for quick starts is there
    """A broker that creates what somebody asks for."""
    properties = {"auto.create.topics.enable": "true"}
    with KafkaBroker(tmp_path_factory.mktemp("creating-kafka"), properties=properties) as broker:
        yield broker


async def test_before_any_worker_the_topics_are_said_to_be_missing_and_stay_so(
    creating, deployment, tmp_path, monkeypatch
):
    monkeypatch.setenv("STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS", creating.bootstrap_servers)
    app_id, changelog = deployment.settings.app_id, deployment.topics.changelog.name
    said = f"^Topic {re.escape(changelog)} is not there: .*APP_ID than {app_id} or .*PREFIX than '{app_id}.'"
    with pytest.raises(ExportError, match=said):
        await export(deployment, tmp_path)
    with admin_client(deployment.settings.kafka) as admin:
        assert admin.list_topics() == []


async def test_topics_with_other_partitions_are_said_with_the_setting(declared, tmp_path, monkeypatch):
    monkeypatch.setenv("STREAM_RFM_TOPICS__PARTITIONS", "4")
    with pytest.raises(
        ExportError, match=r"has 3 partitions, not 4: correct STREAM_RFM_TOPICS__PARTITIONS\."
    ):
        await export(declared, tmp_path)


async def test_version_behind_a_transaction_that_was_left_open_is_waited_for(declared, score, tmp_path):
    async with killed_as_it_published(declared):
        await score(FIRST_DAY)
        with pytest.raises(ExportError, match=r"quantiles has not ended, .*: brokers abort what a dead"):
            await export(declared, tmp_path, day(1), 1.0)
        waiting = asyncio.create_task(export(declared, tmp_path, day(1)))
        await asyncio.sleep(1)
        assert not waiting.done()
    assert await waiting == (1, {"c-a": 1})


async def test_version_that_is_published_no_more_is_said(scored, tmp_path):
    with pytest.raises(ExportError, match="not published any more"):
        await export(scored, tmp_path, "2024-06-01T00:00:00Z")


async def test_state_that_was_made_by_other_rules_is_not_shown_by_those_of_the_settings(
    scored, tmp_path, monkeypatch
):
    monkeypatch.setenv("STREAM_RFM_WINDOW_DAYS", "1")
    with pytest.raises(ExportError, match=r"Partitions 0, 1, 2 .* by the rules of these settings"):
        await export(scored, tmp_path, day(2), 0.1)
