"""A restart reads its snapshot and what came behind it; one that is not right costs time and nothing else."""

import logging
import stat
from dataclasses import replace

import msgspec
import pytest
from broker import eventually
from parts import parts_of
from snapshot_parts import facts, file_of, keeping, worked

from stream_rfm.kafka.admin import admin_client
from stream_rfm.stream.snapshot_writing import SnapshotWriting
from stream_rfm.table.partition import Partition
from stream_rfm.table.snapshot import decode, encode

HOUR = 3_600_000_000


async def restarted(declared, member, name="two") -> tuple[dict[bytes, list[int]], dict[str, float], float]:
    """What another worker finds; which snapshots it refused; and how many records it read."""
    async with parts_of(declared.settings, name) as parts:
        keeping(parts)
        await parts.take_over(member, 0)
        refused = {
            sample.labels["reason"]: sample.value
            for sample in parts.metrics.snapshots_refused.collect()[0].samples
            if sample.name.endswith("_total")
        }
        return facts(parts), refused, parts.value("stream_rfm_recovered_records_total")


async def test_a_restart_reads_the_snapshot_and_the_tail(declared, member):
    async with parts_of(declared.settings) as parts:
        await worked(parts, member)
        expected, file = facts(parts), file_of(parts)
        assert parts.lanes[0].partition.store.entries.count == 5
        assert parts.value("stream_rfm_snapshots_total", result="written") == 1
        assert parts.value("stream_rfm_snapshot_bytes_total") == pytest.approx(file.stat().st_size, abs=4000)
    found, refused, read = await restarted(declared, member)
    assert (found, refused) == (expected, {})
    file.unlink()
    again, _, all_records = await restarted(declared, member, "three")
    assert again == expected
    assert read < all_records


async def test_only_its_owner_may_read_a_snapshot(declared, member):
    async with parts_of(declared.settings) as parts:
        await worked(parts, member)
        file = file_of(parts)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (file.parent, file.parent.parent)] == [
        0o700
    ] * 2
    assert [each.name for each in file.parent.iterdir()] == ["0.snapshot"]


def changed(raw: bytes, **fields: object) -> bytes:
    head, snapshot = decode(raw)
    return b"".join(encode(msgspec.structs.replace(head, **fields), snapshot))


def with_a_hole(raw: bytes) -> bytes:
    head, snapshot = decode(raw)
    entries = {name: values[:-1] for name, values in snapshot.entries.items()}
    blocks = snapshot.blocks.copy()
    blocks[-1] -= 1
    return b"".join(encode(head, replace(snapshot, entries=entries, blocks=blocks)))


def flipped(raw: bytes) -> bytes:
    place = raw.index(b"c-a")
    return raw[:place] + bytes([raw[place] ^ 4]) + raw[place + 1 :]


@pytest.mark.parametrize(
    ("reason", "spoil"),
    [
        ("damaged", lambda raw: raw[: len(raw) // 2]),
        ("damaged", lambda _: b""),
        ("damaged", flipped),
        ("schema", lambda raw: changed(raw, schema=2)),
        ("foreign", lambda raw: changed(raw, app_id="other")),
        ("foreign", lambda raw: changed(raw, topic_id="another")),
        ("foreign", lambda raw: changed(raw, partition=1)),
        ("old", lambda raw: changed(raw, settled_at=decode(raw)[0].settled_at - 13 * HOUR)),
        ("old", lambda raw: changed(raw, settled_at=decode(raw)[0].settled_at + HOUR)),
        ("ahead", lambda raw: changed(raw, offset=10**6)),
        ("unfit", with_a_hole),
    ],
)
async def test_a_snapshot_that_is_not_right_is_refused_and_the_changelog_read(
    declared, member, caplog, reason, spoil
):
    async with parts_of(declared.settings) as parts:
        await worked(parts, member)
        expected, file = facts(parts), file_of(parts)
    file.write_bytes(spoil(file.read_bytes()))
    with caplog.at_level(logging.WARNING, "stream_rfm"):
        found, refused, _ = await restarted(declared, member)
    assert found == expected
    assert refused == {reason: 1}
    [entry] = [each for each in caplog.records if "a snapshot is not used" in each.message]
    assert (entry.partition, entry.reason, entry.levelname) == (0, reason, "WARNING")
    assert "c-a" not in str(entry.__dict__)


async def test_a_snapshot_that_was_refused_is_replaced_though_it_says_it_goes_further(declared, member):
    async with parts_of(declared.settings) as parts:
        await worked(parts, member)
        file = file_of(parts)
    file.write_bytes(changed(file.read_bytes(), offset=10**6))
    async with parts_of(declared.settings, "two") as parts:
        snapshots = keeping(parts)
        await parts.take_over(member, 0)
        await SnapshotWriting(snapshots, parts.writer, 60).stop()
        assert decode(file.read_bytes())[0].offset == parts.lanes[0].changelog_end


async def test_a_snapshot_that_cannot_be_read_is_refused(declared, member):
    async with parts_of(declared.settings) as parts:
        await worked(parts, member)
        expected, file = facts(parts), file_of(parts)
    # Whoever is root may read every file, but no folder as one.
    file.unlink()
    file.mkdir()
    found, refused, _ = await restarted(declared, member)
    assert (found, refused) == (expected, {"unreadable": 1})


async def test_a_topic_that_was_made_anew_with_the_same_name_is_another(declared, member):
    async with parts_of(declared.settings) as parts:
        await worked(parts, member)
    changelog = declared.topics.changelog
    with admin_client(declared.settings.kafka) as admin:
        admin.delete_topics([changelog.name])
        assert eventually(lambda: admin.describe_topics([changelog.name])[0]["error_code"] == 3)
        admin.create_topics({changelog.name: {"num_partitions": 3, "replication_factor": 1}})
        admin.wait_for_topics([changelog.name])
    async with parts_of(declared.settings, "two") as parts:
        snapshots = keeping(parts)
        await snapshots.identify()
        assert await snapshots.load(0, 0, 10**6) is None
        assert parts.value("stream_rfm_snapshots_refused_total", reason="foreign") == 1


async def test_a_changelog_that_was_cut_behind_the_snapshot_is_not_filled_up_from_it(declared, member):
    async with parts_of(declared.settings) as parts:
        snapshots = await worked(parts, member)
        end = parts.lanes[0].changelog_end
        assert await snapshots.load(0, end, end) is None
        assert parts.value("stream_rfm_snapshots_refused_total", reason="behind") == 1


async def test_a_snapshot_made_by_former_rules_is_read_like_the_changelog(declared, member, monkeypatch):
    async with parts_of(declared.settings) as parts:
        await worked(parts, member)
        file = file_of(parts)
    monkeypatch.setenv("STREAM_RFM_WINDOW_DAYS", "1")
    monkeypatch.setenv("STREAM_RFM_LEVELS", "3")
    found, refused, read = await restarted(declared, member)
    assert refused == {}
    file.unlink()
    again, _, all_records = await restarted(declared, member, "three")
    assert again == found
    assert read < all_records


async def test_what_redis_does_not_know_yet_is_found_though_the_snapshot_has_it(declared, member):
    async with parts_of(declared.settings) as parts:
        snapshots = await worked(parts, member)
        loaded = await snapshots.load(0, 0, parts.lanes[0].changelog_end)
        restore = await parts.takeover._changelog.read(0, parts.lanes[0].changelog_end, 0, loaded=loaded)
        assert restore.recent == {b"c-a", b"c-b", b"c-c", b"c-d"}
        found = Partition.restored(0, parts.rules, parts.clock, restore)
        assert found.store.customers.count == 4
