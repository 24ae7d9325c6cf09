"""The schema accepts what the worker accepts, but for what its ``$comment`` names."""

import json
from datetime import date
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import validator
from stream_rfm.intake.document import Intake, OrderDocument
from stream_rfm.intake.records import read
from stream_rfm.model import instant
from stream_rfm.model.order import KINDS

ORDER = {"customer_id": "c", "order_id": "o", "amount": "1", "ts": "2026-01-02T03:04:05Z"}
INTAKE = Intake(currency="EUR", latest=instant.parse("9999-12-31T23:59:59.999999Z"))

WRONG_TYPES = st.sampled_from([True, [], {}, ["x"]])
IDS = st.one_of(
    st.text(st.characters(codec="ascii"), max_size=4),
    st.sampled_from([None, 5, "a" * 256, "a" * 257, "é" * 128]),
    WRONG_TYPES,
)
DIGITS = st.text("0123456789", max_size=14)
AMOUNTS = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["", "+"]), DIGITS),
    st.builds("{}.{}".format, DIGITS, st.text("0123456789", max_size=8)),
    st.builds("-{}.{}".format, st.text("0", max_size=3), st.text("0", max_size=3)),
    st.builds("{}e{}".format, st.text("0123456789", max_size=3), st.integers(-9, 9)),
    st.integers(-2, 2 * 10**12),
    st.floats(0, 2e12),
    st.floats(max_value=-1e-6, allow_infinity=False),
    st.sampled_from(
        [
            None,
            "-1",
            "-1e3",
            "NaN",
            "Infinity",
            "1_0",
            " 1",
            "0x1",
            "1,5",
            "\N{ARABIC-INDIC DIGIT ONE}",
            "+-1",
            "1e",
            "e1",
        ]
    ),
    WRONG_TYPES,
)
OFFSETS = st.sampled_from(["", "Z", "+01:00", "-0530", "+14", "z", "+1", "+24:00"])
TIMES = st.one_of(
    st.builds(
        "{:%Y-%m-%d}{}{:%H:%M:%S}{}{}".format,
        st.dates(date(1970, 1, 2), date(9999, 12, 30)),
        st.sampled_from(["T", "t", " "]),
        st.times(),
        st.sampled_from(["", ".5", ",123456789"]),
        OFFSETS,
    ),
    st.sampled_from(["2026-01-02", "2026-01-02T03", "2026-01-02T03:04Z", "2026-13-02", "2026-01", "now", ""]),
    st.integers(-10, 10),
    st.integers(253402300799999 - 10, 253402300799999 + 10),
    st.sampled_from([None, 0.5, 10**30]),
    WRONG_TYPES,
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(0, 1), st.text(max_size=3))
FIELDS = {
    "type": st.one_of(st.sampled_from([*KINDS]), st.sampled_from(["", "ORDER", None, 1])),
    "customer_id": IDS,
    "order_id": IDS,
    "refund_id": IDS,
    "amount": AMOUNTS,
    "currency": st.sampled_from([None, "EUR", 5]),
    "ts": TIMES,
    "attributes": st.one_of(
        st.none(),
        st.dictionaries(st.text(max_size=3), SCALARS, max_size=2),
        st.just({"deep": {}}),
        WRONG_TYPES,
    ),
    "unknown": st.recursive(SCALARS, lambda some: st.lists(some, max_size=2), max_leaves=3),
}


@st.composite
def documents(draw):
    """An order of which some fields are missing or something else."""
    changed = draw(st.sets(st.sampled_from([*FIELDS]), max_size=3))
    missing = draw(st.sets(st.sampled_from([*ORDER]), max_size=1))
    document = {
        **ORDER,
        "type": draw(st.sampled_from([*KINDS])),
        **{name: draw(FIELDS[name]) for name in changed},
    }
    return {name: value for name, value in document.items() if name not in missing}


def accepted(document):
    """Whether the worker takes the document for valid, under the key that it names."""
    customer = document.get("customer_id") if isinstance(document, dict) else None
    key = customer.encode() if isinstance(customer, str) else None
    record = SimpleNamespace(key=key, value=json.dumps(document).encode(), headers=[], offset=0, timestamp=0)
    done = read([record], INTAKE)
    assert len(done.batch) + len(done.rejected) == 1
    return len(done.batch) == 1


@given(documents())
@example({**ORDER, "amount": ""})
@example({**ORDER, "amount": "1000000000000.0"})
@example({**ORDER, "amount": 10**12 + 1})
@example({**ORDER, "amount": "-0.00"})
def test_schema_accepts_what_the_worker_accepts(document):
    assert validator("order.v1").is_valid(document) == accepted(document)


@pytest.mark.parametrize("document", [None, 5, "x", [], [ORDER]])
def test_neither_accepts_anything_but_an_object(document):
    assert not validator("order.v1").is_valid(document)
    assert not accepted(document)


@pytest.mark.parametrize(
    "more",
    [
        {"order_id": "é" * 129},
        {"ts": "2026-02-30T00:00:00Z"},
        {"ts": "1970-01-01T00:00:00+01:00"},
        {"ts": 1.0},
        {"amount": "1e13"},
        {"currency": "USD"},
    ],
)
def test_worker_refuses_more_than_a_schema_can_say(more):
    assert validator("order.v1").is_valid({**ORDER, **more})
    assert not accepted({**ORDER, **more})


@pytest.mark.parametrize("more", [{"ts": "20260102T030405Z"}, {"ts": "2026-W01-1"}, {"amount": "-0.0000001"}])
def test_worker_reads_more_than_the_schema_promises(more):
    assert not validator("order.v1").is_valid({**ORDER, **more})
    assert accepted({**ORDER, **more})


def test_schema_has_the_fields_that_are_read():
    assert list(validator("order.v1").schema["properties"]) == list(OrderDocument.__struct_fields__)


def test_schema_has_the_types_that_are_read():
    assert validator("order.v1").schema["properties"]["type"]["enum"] == list(KINDS)
