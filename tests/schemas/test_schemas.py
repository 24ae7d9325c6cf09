import pytest

from schemas import FOLDER, NAMES, validator


def test_every_schema_is_known_to_the_tests():
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_valid_and_so_are_its_examples(name):
    examples = validator(name).schema["examples"]
    assert examples
    for example in examples:
        validator(name).validate(example)


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_described(name):
    for field, said in validator(name).schema["properties"].items():
        assert said.get("description"), field


#: Fields that came later: what earlier releases published is without them.
LATER = {"quantiles.v1": ["rules"]}


@pytest.mark.parametrize("name", NAMES[1:])
def test_every_published_field_is_always_there(name):
    schema = validator(name).schema
    assert sorted([*schema["required"], *LATER.get(name, [])]) == sorted(schema["properties"])


@pytest.mark.parametrize(
    ("name", "field"),
    [("transition.v1", "effective_at"), ("segment.v1", "scored_at"), ("quantiles.v1", "as_of")],
)
def test_a_time_that_is_none_is_refused(name, field):
    example = validator(name).schema["examples"][0]
    assert not validator(name).is_valid({**example, field: "1997-02-30T00:00:00Z"})
    assert not validator(name).is_valid({**example, field: "yesterday"})
