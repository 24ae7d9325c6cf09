"""By which rules a partition's customers stand: ours, or former ones until all are scored by ours."""

from __future__ import annotations

from msgspec.structs import replace

from stream_rfm.model.era import Era
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table.clock import Clock
from stream_rfm.table.marker import Marker, fingerprint_of


class RulesInForce:
    """Knows whether rules have changed, and what markers say of them meanwhile."""

    def __init__(self, rules: Rules, clock: Clock) -> None:
        """Begin with nobody who stands by others.

        Args:
            rules: ours.
            clock: ours.
        """
        self._rules = rules
        self._clock = clock
        self._fingerprint = fingerprint_of(rules, clock)
        self._name = rules.fingerprint()
        # Our own rules, with the first version that was made by them.
        self._era = Era.of(rules, 0)
        # What the changelog says while not everybody is known to stand by our rules.
        self._held: Marker | None = None

    @property
    def changed(self) -> bool:
        """Whether somebody may still stand by other rules."""
        return self._held is not None

    def made(self, version: Version) -> bool:
        """Whether a version was made by our rules; one that does not say so is, unless rules changed."""
        return version.rules == self._name or (not version.rules and not self.changed)

    def forgets(self, version: Version) -> bool:
        """Whether the changelog need not know what a version that was applied forgets.

        What is told of former rules may follow from orders that ours would forget; and while there is one
        version by ours, rules that follow may not know of them.
        """
        return not self.changed and version.number > self._era.since

    def passed(self, version: Version, marker: Marker) -> int:
        """Let a version of other rules go by.

        Args:
            version: the version.
            marker: what the changelog is told before it.

        Returns:
            The instant up to which all is forgotten then, as if it had been applied before rules changed:
            partitions must not differ by who was behind.
        """
        if self._held is None:
            self._held = marker
        return self._held.forgotten_as_of(version)

    def begin(self, version: Version) -> None:
        """Note that all are to be scored with a version of ours."""
        if self._held is not None and self._held.fingerprint != self._fingerprint:
            self._era = Era.of(self._rules, version.number)

    def scored(self) -> None:
        """Note that all have been."""
        self._held = None

    def marked(self, marker: Marker, *, scoring: bool) -> Marker:
        """A marker as the changelog is to be told it.

        Args:
            marker: says where the partition stands, and nothing of rules.
            scoring: whether a version of ours is being applied.
        """
        if self._held is None:
            return replace(marker, fingerprint=self._fingerprint, eras=(self._era,))
        held = self._held
        if not scoring:
            # Nothing has changed but what was refused or lost.
            return replace(held, position=marker.position, forgotten=marker.forgotten)
        eras = held.eras if held.fingerprint == self._fingerprint else (*held.eras, self._era)
        return replace(marker, fingerprint=self._fingerprint, eras=eras, version=held.version)

    def go_on(self, marker: Marker) -> tuple[tuple[Era, ...], int | None] | None:
        """Go on where a changelog ends.

        Args:
            marker: its last one, which was checked.

        Returns:
            Where somebody may stand by former rules: those, and the number of the first version of ours, if
            there was one; else ``None``.
        """
        began = bool(marker.eras) and marker.fingerprint == self._fingerprint
        if began:
            self._era = marker.eras[-1]
        if marker.version is None or marker.is_made_by(self._rules, self._clock):
            return None
        self._held = marker
        return (marker.eras[:-1], self._era.since) if began else (marker.eras, None)
