import pytest

from schemas import validator

EXAMPLE, RESERVED = validator("segment.v1").schema["examples"]


@pytest.mark.parametrize("field", list(EXAMPLE))
def test_every_field_is_needed(field):
    without = {name: value for name, value in EXAMPLE.items() if name != field}
    assert not validator("segment.v1").is_valid(without)


@pytest.mark.parametrize("field", ["code", "r", "f", "m"])
def test_scores_come_together(field):
    assert not validator("segment.v1").is_valid({**EXAMPLE, field: None})
    assert not validator("segment.v1").is_valid({**RESERVED, field: EXAMPLE[field]})


@pytest.mark.parametrize("code", ["", "24", "2455", "240", "10-4", "11-1-1", "1-1-"])
def test_code_is_three_scores(code):
    assert not validator("segment.v1").is_valid({**EXAMPLE, "code": code})


@pytest.mark.parametrize("scored_at", [1, "2026-01-02", "2026-01-02T00:00:00", "2026-01-02T00:00:00+01:00"])
def test_scored_at_is_text_in_utc(scored_at):
    assert not validator("segment.v1").is_valid({**EXAMPLE, "scored_at": scored_at})


def test_later_versions_may_add_fields():
    assert validator("segment.v1").is_valid({**EXAMPLE, "mood": "good"})
