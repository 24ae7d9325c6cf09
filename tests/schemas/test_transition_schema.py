import json

from hypothesis import given
from hypothesis import strategies as st

from schemas import validator
from stream_rfm.model import grid, instant, transition
from stream_rfm.model.rules import Rules
from stream_rfm.model.transition import Cause, Direction, Standing, Transition

INSTANTS = st.integers(0, instant.parse("9999-12-31T23:59:59Z"))
RULES = st.builds(
    Rules,
    grid=st.one_of(st.sampled_from(grid.SHIPPED).map(grid.load), st.just(grid.every_code_its_own(10))),
    best=st.sampled_from(["high", "low"]),
)


@st.composite
def standings(draw, levels):
    r, f, m = draw(st.one_of(st.just((0, 0, 0)), st.tuples(*[st.integers(1, levels)] * 3)))
    return Standing(
        r=r,
        f=f,
        m=m,
        recency=draw(st.one_of(st.none(), st.integers(0, 10**17))),
        frequency=draw(st.integers(0, 10**6)),
        monetary=draw(st.integers(-(10**18), 10**18)),
    )


@st.composite
def transitions(draw, rules):
    first, erased = draw(st.booleans()), draw(st.booleans())
    names = st.sampled_from(rules.grid.names)
    return Transition(
        customer_id=draw(st.text(min_size=1, max_size=9)),
        sequence=draw(st.integers(1, 2**32)),
        source=None if first else draw(names),
        target=None if erased else draw(names),
        cause=draw(st.sampled_from(Cause)),
        order_id=draw(st.one_of(st.none(), st.text(max_size=9))),
        before=None if first else draw(standings(rules.levels)),
        after=None if erased else draw(standings(rules.levels)),
        quantiles_version=draw(st.integers(0, 2**32)),
        effective_at=draw(INSTANTS),
    )


@given(RULES, st.data(), st.one_of(st.none(), INSTANTS))
def test_published_transitions_are_valid_and_have_no_more_fields(rules, data, detected_at):
    document = transition.to_document(data.draw(transitions(rules)), rules, detected_at)
    document = json.loads(json.dumps(document))
    schema = validator("transition.v1").schema
    validator("transition.v1").validate(document)
    assert list(document) == list(schema["properties"])
    for standing in (document["before"], document["after"]):
        assert standing is None or list(standing) == list(schema["$defs"]["standingOrNull"]["properties"])


def test_every_cause_and_direction_is_named():
    properties = validator("transition.v1").schema["properties"]
    assert properties["cause"]["enum"] == [cause.value for cause in Cause]
    assert properties["direction"]["enum"] == [direction.value for direction in Direction]


def test_a_transition_out_of_nothing_has_no_standing_before():
    example = validator("transition.v1").schema["examples"][0]
    assert not validator("transition.v1").is_valid({**example, "from": None})
    assert not validator("transition.v1").is_valid({**example, "before": None})
    assert validator("transition.v1").is_valid({**example, "from": None, "before": None})


def test_scores_come_together():
    example = validator("transition.v1").schema["examples"][0]
    assert not validator("transition.v1").is_valid({**example, "after": {**example["after"], "code": None}})
    assert not validator("transition.v1").is_valid({**example, "after": {**example["after"], "r": None}})
