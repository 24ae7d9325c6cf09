import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.model import instant, money
from stream_rfm.stream import json_texts
from stream_rfm.stream.json_texts import Cached

LATEST = instant.parse("9999-12-31T23:59:59.999999Z")
texts = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=8)
instants = st.lists(
    st.integers(0, LATEST) | st.integers(0, LATEST // instant.SECOND).map(lambda s: s * instant.SECOND)
)
amounts = st.lists(
    st.integers(-money.LARGEST_SUM, money.LARGEST_SUM)
    | st.integers(-(10**6), 10**6).map(lambda c: c * 10_000)
)


def column(numbers):
    return np.array(numbers, np.int64)


@given(texts)
def test_strings_are_those_of_the_encoder(values):
    expected = [msgspec.json.encode(value) for value in values]
    assert json_texts.strings([value.encode() for value in values]) == expected


def test_every_character_that_is_escaped_is_seen():
    for value in map(chr, range(0x180)):
        assert json_texts.strings([b"a", value.encode()]) == [b'"a"', msgspec.json.encode(value)]


@given(instants)
def test_instants_are_those_of_the_model(values):
    assert json_texts.instants(column(values)) == [instant.iso(value).encode() for value in values]


@pytest.mark.parametrize("count", [1, 3])
def test_one_instant_is_written_as_often_as_it_is_there(count):
    assert json_texts.instants(column([1_500_000] * count)) == [b"1970-01-01T00:00:01.500000Z"] * count


@given(amounts)
def test_amounts_are_those_of_the_model(values):
    assert json_texts.amounts(column(values)) == [money.plain(value).encode() for value in values]


@given(st.lists(st.integers(-1, LATEST) | st.integers(-1, 400 * instant.DAY)))
def test_days_are_those_of_the_model_and_null_where_there_are_none(values):
    expected = [msgspec.json.encode(None if value < 0 else instant.days(value)) for value in values]
    assert json_texts.days(column(values)) == expected


def test_cached_texts_are_made_once():
    made = []
    cached = Cached(lambda number: made.append(number) or b"%d" % number)
    assert cached.of(column([3, 4, 3])) == [b"3", b"4", b"3"]
    assert made == [3, 4]
