from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.model import grid
from stream_rfm.model.grid import CODES, RESERVED, SHIPPED, Grid, GridError, Segment

CLASSIC_5 = {
    "champions": "555 554 544 545 454 455 445",
    "loyal": "543 444 435 355 354 345 344 335",
    "potential-loyalist": "553 551 552 541 542 533 532 531 452 451 442 441 431 453 433 432 423 353 352 351 "
    "342 341 333 323",
    "new": "512 511 422 421 412 411 311",
    "promising": "525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313",
    "need-attention": "535 534 443 434 343 334 325 324",
    "about-to-sleep": "331 321 312 221 213 231 241 251",
    "cannot-lose": "155 154 144 214 215 115 114 113",
    "at-risk": "255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133 125 124",
    "hibernating": "332 322 233 232 223 222 132 123 122 212 211",
    "lost": "111 112 121 131 141 151",
}


def digits(code: tuple[int, int, int]) -> str:
    return "".join(map(str, code))


@pytest.fixture
def write(tmp_path):
    def written(text: str) -> str:
        path = tmp_path / "own.toml"
        path.write_text(text, "utf-8")
        return str(path)

    return written


def of(*segments: tuple[str, str], levels: int = 2, head: str = "") -> str:
    parts = [f'[[segments]]\nname = "{name}"\ncodes = "{codes}"\n' for name, codes in segments]
    return f"levels = {levels}\n{head}\n" + "\n".join(parts)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_grid_gives_each_code_exactly_one_segment(name):
    shipped = grid.load(name)
    codes = [code for segment in shipped.segments for code in segment.codes]
    assert sorted(codes) == list(product(range(1, shipped.levels + 1), repeat=3))
    assert shipped.name == name


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_grid_has_advice_for_every_segment(name):
    shipped = grid.load(name)
    assert all(segment.advice for segment in shipped.segments)
    assert {name for name, _ in shipped.reserved_advice} == set(RESERVED)


def test_classic_5_is_the_published_table_in_its_order_of_value():
    shipped = grid.load("classic-5")
    found = {segment.name: set(map(digits, segment.codes)) for segment in shipped.segments}
    assert found == {name: set(codes.split()) for name, codes in CLASSIC_5.items()}
    assert list(found) == list(CLASSIC_5)
    assert shipped.levels == 5


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("333", "loyal"),
        ("331", "loyal"),
        ("312", "prospective"),
        ("322", "prospective"),
        ("311", "newcomer"),
        ("233", "sleeping-loyalist"),
        ("223", "sleeping-loyalist"),
        ("213", "sleeping-loyalist"),
        ("211", "sleeper"),
        ("113", "at-risk"),
        ("133", "former-loyalist"),
        ("111", "lost"),
    ],
)
def test_three_level_names_codes_as_its_source_does(code, name):
    shipped = grid.load("three-level")
    assert [s.name for s in shipped.segments if code in map(digits, s.codes)] == [name]


def test_lifecycle_tells_regulars_from_new_customers_by_the_number_of_purchases():
    assert dict(grid.load("lifecycle").thresholds) == {"frequency": ("2", "4")}


def test_a_segment_is_found_by_the_place_of_its_code():
    shipped = grid.load("classic-5")
    places = shipped.segment_of_code()
    codes = list(product(range(1, 6), repeat=3))
    for code, place in zip(codes, places, strict=True):
        assert digits(code) in CLASSIC_5[shipped.names[place]].split()


def test_reserved_names_stand_behind_the_grids_own_and_only_unscored_has_no_rank():
    shipped = grid.load("classic-5")
    assert shipped.names[-3:] == ("lapsed", "prospect", "unscored")
    ranks = [shipped.rank(name) for name in shipped.names]
    assert ranks == [*range(13), None]


def test_advice_is_the_segments_own_or_the_reserved_one_or_none():
    own = Grid("own", 2, (Segment("all", frozenset(), "do it"),), (("lapsed", "write"),))
    assert [own.advice(name) for name in ("all", "lapsed", "prospect", "nobody")] == [
        "do it",
        "write",
        "",
        "",
    ]


@pytest.mark.parametrize("levels", range(2, 11))
def test_every_code_may_be_a_segment_of_its_own_the_best_first(levels):
    own = grid.every_code_its_own(levels)
    assert grid.check(own) == []
    assert own.name == CODES
    between = "-" if levels == 10 else ""
    assert own.segments[0].name == between.join([str(levels)] * 3)
    assert own.segments[-1].name == between.join("111")


def test_patterns_stand_for_several_codes(write):
    own = grid.load(write(of(("a", "1xx"), ("b", "2[12]1"), ("c", "222 212"))))
    found = {segment.name: sorted(map(digits, segment.codes)) for segment in own.segments}
    assert found == {"a": ["111", "112", "121", "122"], "b": ["211", "221"], "c": ["212", "222"]}


def test_codes_may_be_a_list(write):
    text = 'levels = 2\n[[segments]]\nname = "a"\ncodes = ["1xx", "2xx"]\n'
    assert grid.load(write(text)).segments[0].codes == set(product((1, 2), repeat=3))


def test_a_grid_is_named_by_its_file_where_it_says_nothing(write):
    assert grid.load(write(of(("a", "xxx")))).name == "own"
    assert grid.load(write(of(("a", "xxx"), head='name = "mine"'))).name == "mine"


@given(st.permutations(list(product((1, 2, 3), repeat=3))), st.integers(0, 27))
def test_best_low_in_a_file_means_the_same_codes_the_other_way_round(tmp_path_factory, codes, at):
    folder = tmp_path_factory.mktemp("grids", numbered=True)
    parts = codes[:at], codes[at:]
    high = of(
        *((name, " ".join(map(digits, part))) for name, part in zip("ab", parts, strict=True)), levels=3
    )
    turned = [[tuple(4 - score for score in code) for code in part] for part in parts]
    low = of(
        *((name, " ".join(map(digits, part))) for name, part in zip("ab", turned, strict=True)),
        levels=3,
        head='best = "low"',
    )
    (folder / "high.toml").write_text(high, "utf-8")
    (folder / "low.toml").write_text(low, "utf-8")
    one, other = (grid.read(str(folder / f"{name}.toml"))[0] for name in ("high", "low"))
    assert one.segments == other.segments


def faults(text: str) -> list[str]:
    return grid.read(text)[1]


def test_a_code_of_no_segment_is_named(write):
    assert faults(write(of(("a", "1xx 21x 221")))) == ["code 222 belongs to no segment"]


def test_a_code_of_two_segments_is_named_with_both(write):
    assert faults(write(of(("b", "xxx"), ("a", "112")))) == ["code 112 belongs to a and b"]


def test_a_code_that_a_segment_names_twice_is_named(write):
    assert faults(write(of(("a", "xxx 112")))) == ["segment 'a' names code 112 twice"]


def test_a_segment_that_is_there_twice_is_named(write):
    assert faults(write(of(("a", "1xx"), ("a", "2xx")))) == ["segment 'a' is there twice"]


@pytest.mark.parametrize("name", RESERVED)
def test_a_reserved_name_is_refused(write, name):
    assert faults(write(of((name, "xxx")))) == [f"{name!r} is a reserved name"]


def test_a_segment_without_codes_is_named(write):
    assert faults(write(of(("a", "xxx"), ("b", "")))) == [
        "segment 'b' has no codes, so that nobody can be in it"
    ]


def test_a_segment_without_a_name_is_a_fault(write):
    assert faults(write('levels = 2\n[[segments]]\ncodes = "xxx"\n')) == ["a segment has no name"]


@pytest.mark.parametrize("pattern", ["11", "1111", "1y1", "1[]1", "[1", "1-1-1", "1[x]1"])
def test_what_is_no_code_is_named(write, pattern):
    found = faults(write(of(("a", f"xxx {pattern}"))))
    assert found == [
        f"segment 'a': {pattern!r} is no code: write three digits, x for any, [12] for one of several"
    ]


@pytest.mark.parametrize("pattern", ["113", "011", "1[13]1"])
def test_a_digit_that_is_no_score_is_named(write, pattern):
    assert faults(write(of(("a", f"xxx {pattern}")))) == [
        f"segment 'a': code {pattern!r} has a digit that is not from 1 to 2"
    ]


def test_codes_that_are_neither_text_nor_a_list_are_a_fault(write):
    found = faults(write('levels = 2\n[[segments]]\nname = "a"\ncodes = 111\n'))
    assert found[0] == "the codes of segment 'a' must be text or a list"


def test_thresholds_of_an_unknown_dimension_are_a_fault(write):
    assert faults(write(of(("a", "xxx")) + "[thresholds]\nfrequenzy = [1]\n")) == [
        "thresholds are of recency, frequency or monetary, not of 'frequenzy'"
    ]


def test_thresholds_that_are_no_list_are_a_fault(write):
    assert faults(write(of(("a", "xxx")) + "[thresholds]\nfrequency = 1\n")) == [
        "the thresholds of frequency must be a list of numbers"
    ]


def test_load_names_the_first_fault_and_how_many_more_there_are(write):
    path = write(of(("a", "1xx 21x")))
    with pytest.raises(GridError) as refused:
        grid.load(path)
    assert str(refused.value) == (
        f"Grid {path}: code 221 belongs to no segment (and 1 more: run `stream-rfm grid check`)."
    )


def test_load_names_the_only_fault(write):
    path = write(of(("a", "1xx 21x 221")))
    with pytest.raises(GridError) as refused:
        grid.load(path)
    assert str(refused.value) == f"Grid {path}: code 222 belongs to no segment."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("levels = [", "is not valid TOML"),
        ("", "levels must be a whole number from 2 to 9"),
        ("levels = true", "levels must be a whole number from 2 to 9"),
        ("levels = 1", "levels must be a whole number from 2 to 9"),
        ("levels = 10", "levels must be a whole number from 2 to 9"),
        ('levels = "5"', "levels must be a whole number from 2 to 9"),
        ("levels = 2", "it needs [[segments]], each with a name and codes"),
        ("levels = 2\nsegments = [1]", "it needs [[segments]], each with a name and codes"),
        ('levels = 2\nbest = "up"\nsegments = []', 'best must be "high" or "low"'),
        ('levels = 2\nbest = ["high"]\nsegments = []', 'best must be "high" or "low"'),
        ("levels = 2\nsegments = []\nreserved = 3", "[reserved] and [thresholds] must be tables"),
        ("levels = 2\nsegments = []\nthresholds = 3", "[reserved] and [thresholds] must be tables"),
    ],
)
def test_a_file_that_is_no_grid_is_refused_in_a_sentence_that_names_it(write, text, sentence):
    path = write(text)
    with pytest.raises(GridError) as refused:
        grid.load(path)
    assert sentence in str(refused.value)
    assert path in str(refused.value)
    assert str(refused.value).endswith(".")


def test_a_grid_that_does_not_exist_is_refused_with_the_shipped_ones_named():
    with pytest.raises(GridError) as refused:
        grid.load("classic-6")
    assert str(refused.value) == (
        "Grid classic-6 is neither a shipped one (classic-5, three-level, lifecycle) nor a file."
    )


def test_a_folder_is_no_grid(tmp_path):
    with pytest.raises(GridError, match=r"cannot be read: Is a directory\.$"):
        grid.load(str(tmp_path))


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "own.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(GridError, match="is not valid TOML"):
        grid.load(str(tmp_path / "own.toml"))
