"""The quantiles versions published, as far as this worker needs them."""

from __future__ import annotations

from stream_rfm.model.version import Version
from stream_rfm.table.clock import Clock
from stream_rfm.table.partition import Partition

# With the wall clock a partition goes to the latest; a few before it are kept for nobody in particular.
_KEPT = 8


class VersionLog:
    """Versions by number. With the event clock each is applied; with the wall clock the latest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._versions: dict[int, Version] = {}
        self.latest: Version | None = None

    def add(self, version: Version) -> bool:
        """Take a version; one that is known already is not news.

        Returns:
            Whether it is news.
        """
        if version.number in self._versions:
            return False
        self._versions[version.number] = version
        news = self.latest is None or version.number > self.latest.number
        if news:
            self.latest = version
        if not self._clock.waits and len(self._versions) > _KEPT:
            del self._versions[min(self._versions)]
        return news

    def next_for(self, partition: Partition) -> Version | None:
        """The version that a partition wants to apply now, if it is there."""
        if not self._clock.waits:
            latest = self.latest
            return latest if latest is not None and partition.wants(latest) else None
        number = 0 if partition.version is None else partition.version.number + 1
        version = self._versions.get(number)
        return version if version is not None and partition.wants(version) else None

    def __getitem__(self, number: int) -> Version:
        return self._versions[number]

    def __contains__(self, number: int) -> bool:
        return number in self._versions
