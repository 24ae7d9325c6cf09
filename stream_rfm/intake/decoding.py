"""Records of the orders topic into a batch, in columns where they came in columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stream_rfm.intake import kernels, records, scanned
from stream_rfm.intake.document import Intake
from stream_rfm.intake.records import Read
from stream_rfm.intake.run import Run


def decode(some: Sequence[Any], intake: Intake) -> Read:
    """Read records in the order of the topic; whatever they hold, none raises.

    Args:
        some: at least one, as a :class:`Run` or one by one.
        intake: what to read them with.
    """
    compiled = kernels.loaded()
    if isinstance(some, Run) and compiled is not None:
        return scanned.read(some, intake, compiled)
    return records.read(some, intake)
