import json
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas import validator
from stream_rfm.model import distribution, grid, instant, version
from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Summary, Version

LATEST = instant.parse("9999-12-31T23:59:59Z")
LEVELS = st.integers(2, 10)


@st.composite
def cuts(draw, levels):
    some = st.fractions(-(10**12), 10**12, max_denominator=1000)
    size = levels - 1
    return CutPoints.at(sorted(draw(st.lists(some, min_size=size, max_size=size))))


@given(LEVELS, st.data())
def test_published_versions_are_valid_and_have_no_more_fields(levels, data):
    rules = Rules(
        grid.every_code_its_own(levels), method=data.draw(st.sampled_from(["inverted_cdf", "linear"]))
    )
    exact = data.draw(st.booleans())
    made = Version(
        number=data.draw(st.integers(0, 2**32)),
        as_of=data.draw(st.integers(0, LATEST)),
        population=data.draw(st.integers(0, 10**9)),
        cuts=data.draw(st.one_of(st.none(), st.tuples(*[cuts(levels)] * 3))),
        exact=exact,
        rank_error=0.0 if exact else data.draw(st.floats(0, 1)),
    )
    document = json.loads(json.dumps(version.to_document(made, rules)))
    validator("quantiles.v1").validate(document)
    assert list(document) == list(validator("quantiles.v1").schema["properties"])


@given(LEVELS, st.lists(st.integers(0, 3), min_size=1, max_size=30), st.sampled_from([1, 100]))
def test_a_version_of_real_values_with_many_ties_is_valid(levels, values, exact_up_to):
    found = distribution.of(np.array(values), exact_up_to)
    rules = Rules(grid.every_code_its_own(levels), min_customers=1, exact_up_to=exact_up_to)
    made = version.make(1, 10, Summary(distribution.of(-np.array(values), exact_up_to), found, found), rules)
    validator("quantiles.v1").validate(json.loads(json.dumps(version.to_document(made, rules))))


def test_cut_points_and_thresholds_come_together():
    example, empty = validator("quantiles.v1").schema["examples"]
    assert not validator("quantiles.v1").is_valid({**example, "thresholds": None})
    assert not validator("quantiles.v1").is_valid({**empty, "unreachable": example["unreachable"]})


def test_example_is_what_the_model_makes():
    example = validator("quantiles.v1").schema["examples"][0]
    assert version.to_document(version.from_document(example), Rules(grid.load("three-level"))) == example
    assert Fraction(example["rank_error"]) == 0
