from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream_rfm.model import money

EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)

decimals = st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False)
common = st.decimals(-(10**7), 10**7, places=2) | st.decimals(-(10**7), 10**7, places=6)


def exactly(amount: Decimal) -> int:
    """The nearest millionth, of two the even one; by fractions, so that no context has a say."""
    return round(Fraction(amount) * money.MICROS)


@given(decimals)
@example(Decimal("0.0000005"))
@example(Decimal("0.0000015"))
@example(Decimal("0.0000005" + "0" * 80 + "1"))
def test_text_is_read_exactly(amount):
    assert money.parse(str(amount)) == exactly(amount)


@given(decimals)
def test_a_decimal_is_read_exactly(amount):
    assert money.parse(amount) == exactly(amount)


@given(st.floats(-1e12, 1e12))
def test_a_float_is_the_decimal_that_it_prints(number):
    assert money.parse(number) == exactly(Decimal(repr(number)))


@given(st.integers(-(10**12), 10**12))
def test_a_whole_number_is_so_many_units(number):
    assert money.parse(number) == number * money.MICROS


@given(st.integers(-(9 * 10**18), 9 * 10**18))
def test_plain_says_an_amount_exactly_and_without_exponent(amount):
    text = money.plain(amount)
    assert Decimal(text) * money.MICROS == amount
    assert "e" not in text.lower()
    assert len(text.partition(".")[2]) >= 2


@given(st.integers(-money.LARGEST, money.LARGEST))
def test_what_plain_says_is_read_back(amount):
    assert money.parse(money.plain(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0, "0.00"),
        (12_500_000, "12.50"),
        (-1, "-0.000001"),
        (1_234_567, "1.234567"),
        (1_234_560, "1.23456"),
        (-3_000_000, "-3.00"),
    ],
)
def test_plain_has_two_decimals_or_as_many_as_it_needs(amount, said):
    assert money.plain(amount) == said


@pytest.mark.parametrize(
    ("said", "amount"),
    [
        ("12.34", 12_340_000),
        ("1e2", 100_000_000),
        ("+5", 5_000_000),
        (".5", 500_000),
        ("5.", 5_000_000),
        ("1e-400", 0),
        ("1e-999999999", 0),
        ("1000000000000", money.LARGEST),
        (1e12, money.LARGEST),
    ],
)
def test_every_way_to_write_a_number_is_understood(said, amount):
    assert money.parse(said) == amount


@pytest.mark.parametrize(
    "said",
    ["", " ", "x", "1,5", "1_0", " 1", "1 ", "1\n", "\u0661", "\uff11", "0x10", "--1", "1e", "1e5e5", "€1"],
)
def test_what_is_no_decimal_number_is_refused(said):
    with pytest.raises(ValueError, match="not a decimal number"):
        money.parse(said)


@pytest.mark.parametrize(
    "said",
    [
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "1e400",
        "1e999999",
        "-1e999999",
        "1e999999999",
        "9" * 30,
        "1000000000000.000000000000000000000000001",
        1e308,
        10**400,
    ],
)
def test_what_is_not_finite_or_too_large_is_refused(said):
    with pytest.raises(ValueError, match=r"not a finite amount|integer string conversion"):
        money.parse(said)


def test_an_exponent_beyond_every_decimal_is_refused():
    with pytest.raises(ValueError, match="not a decimal number"):
        money.parse("1e99999999999999999999")


amounts = (
    st.integers(-(10**14), 10**14)
    | st.floats(allow_nan=True, allow_infinity=True)
    | common.map(str)
    | decimals.map(str)
    | st.sampled_from(
        ["", "nan", "inf", "1_0", " 1", "\u0661", "1e400", "-0", "1e5", ".5", "99999999.9999995"]
    )
    | st.text(max_size=5)
)


@given(st.lists(amounts, max_size=6))
@example(["0.0000005", "1.0000005"])
@example([99_999_999.999_999_5, 0.1 + 0.2])
@example(["123456789012.123456"])
def test_many_at_once_agree_with_one_at_a_time_wherever_they_are_certain(values):
    parsed, certain = money.parse_many(values)
    for value, amount, sure in zip(values, parsed.tolist(), certain.tolist(), strict=True):
        assert amount == (money.parse(value) if sure else 0)


@given(st.lists(common.map(str) | st.integers(-(10**7), 10**7), max_size=6))
def test_many_at_once_are_certain_of_common_amounts(values):
    assert money.parse_many(values)[1].all()


@given(st.integers(0, money.LARGEST), st.decimals("0.000001", 10**6, allow_nan=False, allow_infinity=False))
def test_a_conversion_is_exact_to_the_millionth(amount, rate):
    assert money.converted(amount, rate) == round(amount * Fraction(rate))
