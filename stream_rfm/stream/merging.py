"""The worker that holds the topic of reports makes the versions."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.stream.unread import edges_of
from stream_rfm.table import report as reports
from stream_rfm.table.clock import Clock
from stream_rfm.table.merger import Merger
from stream_rfm.table.report import Report

log = logging.getLogger(__name__)


class Merging:
    """Holds a :class:`Merger` while this worker is the one to merge."""

    def __init__(self, rules: Rules, clock: Clock, partitions: int) -> None:
        self._rules = rules
        self._clock = clock
        self._partitions = partitions
        self._merger: Merger | None = None
        #: The offset of the next report to be read.
        self.position = 0
        #: Whether reports came since versions were last asked for.
        self.has_news = False

    @property
    def active(self) -> bool:
        """Whether this worker merges."""
        return self._merger is not None

    def start(self, last: Version | None, position: int) -> None:
        """Begin to merge.

        Args:
            last: the last version published.
            position: the offset of the first report to be read.
        """
        self._merger = Merger(self._rules, self._clock, self._partitions, last)
        self.position = position

    def stop(self) -> None:
        """Leave it to another worker."""
        self._merger = None
        self.has_news = False

    def take(self, run: Sequence[Any]) -> None:
        """Take reports as they come from the topic."""
        if self._merger is None:
            return
        for record in run:
            if record.offset < self.position or record.value is None:
                continue
            try:
                self._merger.offer(reports.decode(record.value), record.offset)
            except msgspec.DecodeError as error:
                log.warning("a report cannot be read", extra={"offset": record.offset, "error": str(error)})
            self.has_news = True
        self.position = max(self.position, edges_of(run)[1] + 1)

    def take_own(self, report: Report) -> None:
        """Take a report of this worker's own, before it stands in the topic."""
        if self._merger is not None:
            self._merger.offer(report, self.position)

    def versions(self, now: int) -> list[Version]:
        """The versions that can be made now."""
        self.has_news = False
        return self._merger.versions(now) if self._merger is not None else []

    def needed_from(self) -> int:
        """The offset of the first report that another merger would need."""
        return self._merger.needed_from(self.position) if self._merger is not None else self.position
