import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream_rfm.model import instant, money
from stream_rfm.stream import record_text

LATEST = instant.parse("9999-12-31T23:59:59.999999Z")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text(
    st.characters(max_codepoint=127), max_size=40
)


def written(write, *arguments, at=3):
    """What a function writes, and nothing before it."""
    out = np.full(600_000, 0xEE, np.uint8)
    end = write(out, at, *arguments)
    assert set(out[:at].tolist()) == {0xEE}
    return out[at:end].tobytes()


@given(st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(-1000, 1000))
@example(10**18)
@example(2**63 - 1)
def test_numbers_are_as_python_writes_them(value):
    assert written(record_text.decimal, value) == b"%d" % value


@given(st.integers(-money.LARGEST_SUM, money.LARGEST_SUM) | st.integers(-(10**8), 10**8))
@example(1)
@example(-100)
@example(10_000)
@example(-1_234_500)
def test_amounts_are_plain_decimals(value):
    assert written(record_text.amount, value) == money.plain(value).encode()


@given(st.integers(0, LATEST) | st.integers(0, LATEST // instant.SECOND).map(lambda at: at * instant.SECOND))
@example(instant.parse("2000-02-29T23:59:59.000001Z"))
@example(instant.parse("2100-03-01T00:00:00Z"))
@example(LATEST)
def test_instants_are_iso(value):
    assert written(record_text.moment, value) == instant.iso(value).encode()


@given(texts)
@example("".join(map(chr, range(128))))
def test_texts_are_escaped_as_msgspec_does(text):
    raw = np.frombuffer(b"x" + text.encode() + b'"', np.uint8)
    assert written(record_text.text, raw, 1, len(raw) - 2) == msgspec.json.encode(text)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_hexadecimal_digits_are_those_of_the_bytes(low, high):
    words = np.array([low, high], np.uint64)
    assert written(record_text.hexadecimal, words) == words.tobytes().hex().encode()


@pytest.mark.parametrize("size", [1, 2, 4, 8])
@pytest.mark.parametrize("value", [0, 1, 0x7F])
def test_raw_numbers_have_the_lowest_byte_first(size, value):
    assert written(record_text.raw, value, size) == value.to_bytes(size, "little")
    assert written(record_text.raw, -1 - value, size) == (-1 - value).to_bytes(size, "little", signed=True)
