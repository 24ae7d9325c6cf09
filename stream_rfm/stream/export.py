"""Every customer as of one published version, from the committed state: beside the workers, not from them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from aiokafka import TopicPartition

from stream_rfm.configured import clock_of, rules_of
from stream_rfm.kafka.admin import admin_client, partitions_of
from stream_rfm.kafka.topics import topics_of
from stream_rfm.model import instant
from stream_rfm.model.version import Version
from stream_rfm.offline import output, segments_file
from stream_rfm.offline.segments_file import Row
from stream_rfm.settings import Settings, SettingsError, variable
from stream_rfm.stream.changelog import Changelog
from stream_rfm.stream.edges import edges
from stream_rfm.stream.last_markers import last_markers
from stream_rfm.stream.publication import version_of
from stream_rfm.stream.reading import reading
from stream_rfm.table.marker import Marker, read_marker
from stream_rfm.table.partition import UNSCORED, Partition

_POLL_SECONDS = 0.5


class ExportError(Exception):
    """Nothing can be exported; the message says why, and what to do."""


class Export:
    """Reads the state of all partitions as of one version."""

    def __init__(self, settings: Settings) -> None:
        """Prepare to read the state of a deployment.

        Raises:
            SettingsError: the settings do not fit together.
        """
        self._settings = settings
        self._rules = rules_of(settings)
        self._clock = clock_of(settings)
        self._topics = topics_of(settings)
        self._changelog = Changelog(settings.kafka, self._topics.changelog.name)

    async def run(
        self, out: Path, as_of: int | None, timeout_seconds: float, progress: Callable[[str], None]
    ) -> tuple[Version, int]:
        """Write a file.

        Args:
            out: where to; a name that ends in ``.gz`` is gzipped.
            as_of: wait until every partition has been scored as of this instant; ``None`` for the latest
                version that all have.
            timeout_seconds: how long to wait.
            progress: told what is being done.

        Returns:
            The version, and how many customers there are.

        Raises:
            SettingsError: the instant is none that customers are scored as of.
            OutputError: the file cannot be written.
            ExportError: the topics are not those of the settings, or not every partition got there in time.
        """
        self._check(as_of)
        output.check(out)
        await asyncio.to_thread(self._check_topics)
        give_up = time.monotonic() + timeout_seconds
        markers = await self._wait(as_of, timeout_seconds, progress)
        chosen = await self._version_of(markers, as_of, give_up, progress)
        progress(f"reading version {chosen.number} as of {instant.iso(chosen.as_of)}")
        numbers = range(self._settings.topics.partitions)
        _, ends = await edges(self._settings.kafka, self._topics.changelog.name, numbers)
        rows: list[Row] = []
        for number in numbers:
            rows += await self._rows(number, ends[number], chosen)
        with output.written(out):
            return chosen, segments_file.write(out, rows)

    def _check(self, as_of: int | None) -> None:
        if as_of is not None and self._clock.waits and as_of % self._clock.interval:
            before = as_of - as_of % self._clock.interval
            seconds = self._clock.interval // instant.SECOND
            raise SettingsError(
                f"With the event clock customers are scored every {seconds} s, "
                f"not as of {instant.iso(as_of)}: the nearest are {instant.iso(before)} and "
                f"{instant.iso(before + self._clock.interval)}."
            )

    def _check_topics(self) -> None:
        """See whether the topics are there: where brokers create what is read, reading would create them."""
        changelog, quantiles = self._topics.changelog, self._topics.quantiles
        with admin_client(self._settings.kafka) as admin:
            found = {topic.name: partitions_of(admin, topic.name) for topic in (changelog, quantiles)}
        for name, partitions in found.items():
            if partitions is None:
                raise ExportError(
                    f"Topic {name} is not there: has no worker run yet, or is it another "
                    f"{variable('app_id')} than {self._settings.app_id} or another "
                    f"{variable('topics.prefix')} than {self._settings.topics.prefix!r}?"
                )
        if found[changelog.name] != changelog.partitions:
            raise ExportError(
                f"Topic {changelog.name} has {found[changelog.name]} partitions, not {changelog.partitions}: "
                f"correct {variable('topics.partitions')}."
            )

    async def _wait(
        self, as_of: int | None, timeout_seconds: float, progress: Callable[[str], None]
    ) -> list[Marker]:
        """The last marker of every partition, once all have been scored as of the instant."""
        give_up = time.monotonic() + timeout_seconds
        partitions = self._settings.topics.partitions
        async with last_markers(self._settings.kafka, self._topics.changelog.name, partitions) as last:
            while True:
                markers = [None if value is None else read_marker(value) for value in await last.look()]
                missing = [number for number, marker in enumerate(markers) if not self._has(marker, as_of)]
                if not missing:
                    return [marker for marker in markers if marker is not None]
                said = ", ".join(map(str, missing))
                if time.monotonic() > give_up:
                    raise ExportError(_not_in_time(said, as_of, timeout_seconds))
                progress(f"waiting for partitions {said}")
                await asyncio.sleep(_POLL_SECONDS)

    async def _version_of(
        self, markers: list[Marker], as_of: int | None, give_up: float, progress: Callable[[str], None]
    ) -> Version:
        """The version to export: the one of the instant, or the latest that every partition has applied.

        A worker that was killed as it published leaves a transaction open, and nothing behind it is shown
        until the broker has aborted that. Who took over has applied versions of its own meanwhile.
        """
        numbers = [marker.version[0] for marker in markers if marker.version is not None]
        exact = self._clock.waits and as_of is not None
        while True:
            known, is_all = await self._published()
            for each in reversed(known):
                if each.as_of == as_of if exact else each.number == min(numbers):
                    return each
            if is_all:
                raise ExportError("The version to export is not published any more: export a later one.")
            if time.monotonic() > give_up:
                raise ExportError(
                    f"A transaction in {self._topics.quantiles.name} has not ended, and the version to "
                    "export is behind it: brokers abort what a dead worker left open; try again in a moment."
                )
            progress("waiting for a transaction that a worker left open")
            await asyncio.sleep(_POLL_SECONDS)

    async def _published(self) -> tuple[list[Version], bool]:
        """The versions that are committed, and whether nothing is held back behind them."""
        place = TopicPartition(self._topics.quantiles.name, 0)
        _, whole = await edges(self._settings.kafka, place.topic, [place.partition])
        async with reading(self._settings.kafka) as consumer:
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            [end] = (await consumer.end_offsets([place])).values()
            known: list[Version] = []
            while await consumer.position(place) < end:
                fetched = await consumer.getmany(place, timeout_ms=500)
                known += [version_of(record) for record in fetched.get(place, ()) if record.value]
            return known, end >= whole[place.partition]

    async def _rows(self, number: int, end: int, chosen: Version) -> list[Row]:
        restore = await self._changelog.read(number, end, stop_at=lambda value: self._applied(value, chosen))
        partition = await asyncio.to_thread(Partition.restored, number, self._rules, self._clock, restore)
        return await asyncio.to_thread(lambda: list(segments_file.rows(partition.store, chosen)))

    def _has(self, marker: Marker | None, as_of: int | None) -> bool:
        """Whether a partition has been scored by the rules of the settings, as of the instant."""
        if marker is None or marker.version is None or not marker.is_made_by(self._rules, self._clock):
            return False
        if not self._clock.waits and marker.version[0] == UNSCORED.number:
            # By the wall clock orders are counted before there is a version.
            return False
        return as_of is None or marker.version[1] >= as_of

    def _applied(self, value: bytes, chosen: Version) -> bool:
        marker = read_marker(value)
        return self._has(marker, None) and marker.version is not None and marker.version[0] >= chosen.number


def _not_in_time(partitions: str, as_of: int | None, seconds: float) -> str:
    until = "" if as_of is None else f" as of {instant.iso(as_of)}"
    return (
        f"Partitions {partitions} have not been scored{until} within {seconds:g} s: does a worker run by "
        "the rules of these settings, and have orders or heartbeats reached every partition? A longer "
        "--timeout waits longer."
    )
