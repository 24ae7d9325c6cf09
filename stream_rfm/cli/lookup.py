"""``stream-rfm lookup``: which segment customers are in, from the cache."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream_rfm.cli.errors import FAILED
from stream_rfm.cli.options import AsJson, Config

if TYPE_CHECKING:
    from stream_rfm.client import CustomerSegment, Freshness


def lookup(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Customers.")],
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Say which segment customers are in, a line a customer; the exit code is 1 when one is unknown."""
    from stream_rfm.client import SegmentReader  # noqa: PLC0415 - so that help is quick
    from stream_rfm.settings import load  # noqa: PLC0415 - the same

    settings = load(config)
    fresh: dict[int, Freshness | None] = {}
    with SegmentReader(settings.redis.url.get_secret_value(), settings.redis.timeout_seconds) as reader:
        answers = reader.get_many(ids)
        for answer in answers.values():
            if answer is not None and answer.partition not in fresh:
                fresh[answer.partition] = reader.freshness(answer)
    for customer in ids:
        answer = answers[customer]
        freshness = None if answer is None else fresh[answer.partition]
        typer.echo(_json(customer, answer, freshness) if as_json else _line(customer, answer, freshness))
    raise typer.Exit(FAILED if None in answers.values() else 0)


def _json(customer: str, answer: CustomerSegment | None, freshness: Freshness | None) -> str:
    said: dict[str, Any] = {"customer_id": customer, "known": answer is not None}
    if answer is not None:
        said |= {
            "segment": answer.segment,
            "code": answer.code,
            "r": answer.r,
            "f": answer.f,
            "m": answer.m,
            "scored_at": answer.scored_at.isoformat(),
            "quantiles_version": answer.quantiles_version,
            "sequence": answer.sequence,
            "revision": answer.revision,
            "partition": answer.partition,
            "as_of": freshness and freshness.as_of.isoformat(),
            "committed_at": freshness and freshness.committed_at.isoformat(),
        }
    return json.dumps(said, ensure_ascii=False)


def _line(customer: str, answer: CustomerSegment | None, freshness: Freshness | None) -> str:
    if answer is None:
        return f"{customer}: unknown"
    code = f", code {answer.code}" if answer.code else ""
    age = f"{freshness.age.total_seconds():.1f} s old" if freshness else "of unknown age"
    return (
        f"{customer}: {answer.segment}{code}, scored at {answer.scored_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"version {answer.quantiles_version}, {age}"
    )
