"""What a partition tells the merger: the distribution of its customers at one boundary or several."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from stream_rfm.model.distribution import Distribution, Exact, Sketch
from stream_rfm.model.version import Summary


@dataclass(frozen=True, slots=True)
class Report:
    """One partition's contribution.

    Attributes:
        partition: whose it is.
        start: the first boundary that it has part in; ``None`` once that is settled.
        frames: summaries, each with the instant that it holds for, ascending.
        rules: the fingerprint of the rules that they were made by; empty where an earlier release made them.
        again: whether customers have to be scored again since rules changed; with the event clock the instant
            is then that of the last version.
        after: the number of the version that they were scored with; 0 before the first.
    """

    partition: int
    start: int | None
    frames: tuple[tuple[int, Summary], ...]
    rules: str = ""
    again: bool = False
    after: int = 0


class _DistributionValue(msgspec.Struct, array_like=True):
    values: bytes
    counts: bytes
    sketch: bytes
    total: int


class _FrameValue(msgspec.Struct, array_like=True):
    as_of: int
    recency: _DistributionValue
    frequency: _DistributionValue
    monetary: _DistributionValue


class _ReportValue(msgspec.Struct, array_like=True):
    schema: int
    partition: int
    start: int | None
    frames: list[_FrameValue]
    rules: str = ""
    again: bool = False
    after: int = 0


_SCHEMA = 1
_decoder = msgspec.msgpack.Decoder(_ReportValue)


def encode(report: Report) -> bytes:
    """A report as the value of a record."""
    frames = [
        _FrameValue(as_of, _value(s.recency), _value(s.frequency), _value(s.monetary))
        for as_of, s in report.frames
    ]
    return msgspec.msgpack.encode(
        _ReportValue(
            _SCHEMA, report.partition, report.start, frames, report.rules, report.again, report.after
        )
    )


def decode(value: bytes) -> Report:
    """The report that a record holds.

    Raises:
        msgspec.DecodeError: it holds none, or a newer release wrote it.
    """
    said = _decoder.decode(value)
    if said.schema != _SCHEMA:
        raise msgspec.DecodeError(f"it has schema {said.schema} and this release reads {_SCHEMA}")
    frames = tuple(
        (frame.as_of, Summary(*map(_distribution, (frame.recency, frame.frequency, frame.monetary))))
        for frame in said.frames
    )
    return Report(said.partition, said.start, frames, said.rules, said.again, said.after)


def _value(of: Distribution) -> _DistributionValue:
    if isinstance(of, Sketch):
        return _DistributionValue(b"", b"", of.data, of.total)
    # Where every value is different, as recencies are, the counts are not worth their bytes.
    counts = b"" if bool(np.all(of.counts == 1)) else of.counts.astype("<u4").tobytes()
    return _DistributionValue(of.values.astype("<i8").tobytes(), counts, b"", of.total)


def _distribution(value: _DistributionValue) -> Distribution:
    if value.sketch:
        return Sketch(value.sketch, value.total)
    values = np.frombuffer(value.values, "<i8")
    counts = np.frombuffer(value.counts, "<u4").astype(np.int64)
    return Exact(values, counts if len(counts) else np.ones(len(values), np.int64))
