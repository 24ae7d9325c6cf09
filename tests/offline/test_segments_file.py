from __future__ import annotations

import csv
import gzip
from dataclasses import replace

import pytest
from events import DAY, START, UNIT, enquiry, erase, order
from scorer import CUTS, GRID, Scorer

from stream_rfm.model import scoring
from stream_rfm.model.grid import every_code_its_own
from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.offline.segments_file import HEADER, rows, write

RULES = Rules(GRID, window=30 * DAY)
AS_OF = Version(2, START + 40 * DAY, 9, CUTS)


def counted(rules: Rules = RULES) -> Scorer:
    scorer = Scorer(rules)
    scorer.count(
        [
            enquiry("prospect", 0),
            order("lapsed", "a", 1, 9),
            order("once", "a", 2, 9),
            order("once", "b", 38 - 1 / 3, 12.5),
            order("often", "a", 33, 100),
            order("often", "b", 34, 0.000001),
            order("often", "c", 35, 1),
            order("gone", "a", 38),
            erase("gone", 38),
        ]
    )
    return scorer


def test_each_customer_is_a_row_with_values_scores_and_segment():
    assert sorted(rows(counted().store, AS_OF)) == [
        ("lapsed", "39.0", "0", "0.00", "", "", "", "", "lapsed"),
        ("often", "5.0", "3", "101.000001", "3", "3", "3", "333", "loyal"),
        ("once", repr(2 + 1 / 3), "1", "12.50", "3", "1", "1", "311", "newcomer"),
        ("prospect", "", "0", "0.00", "", "", "", "", "prospect"),
    ]


def test_without_cut_points_nobody_has_a_code():
    found = {row[0]: row[4:] for row in rows(counted().store, replace(AS_OF, cuts=None))}
    assert found["often"] == ("", "", "", "", "unscored")
    assert found["lapsed"] == ("", "", "", "", "lapsed")


def test_best_low_prints_the_digits_the_other_way_round_and_changes_nothing_else():
    high = list(rows(counted().store, AS_OF))
    low = list(rows(counted(replace(RULES, best="low")).store, AS_OF))
    for one, other in zip(high, low, strict=True):
        assert one[:4] + one[8:] == other[:4] + other[8:]
        turned = ["" if not digit else str(scoring.printed(int(digit), 3, "low")) for digit in one[4:7]]
        assert list(other[4:7]) == turned
        assert other[7] == "".join(turned)


def test_with_ten_levels_a_code_keeps_its_numbers_apart():
    cuts = CutPoints.of_thresholds(range(9))
    scorer = Scorer(Rules(every_code_its_own(10), window=None), Version(1, START, 9, (cuts, cuts, cuts)))
    scorer.count([order("c0", "a", 0)])
    [row] = rows(scorer.store, scorer.version)
    assert row[4:] == ("10", "2", "10", "10-2-10", "10-2-10")


def test_a_file_is_sorted_by_customer_below_its_header(tmp_path):
    assert write(tmp_path / "new" / "segments.csv", rows(counted().store, AS_OF)) == 4
    with (tmp_path / "new" / "segments.csv").open(newline="") as text:
        header, *found = list(csv.reader(text))
    assert tuple(header) == HEADER
    assert [row[0] for row in found] == ["lapsed", "often", "once", "prospect"]


def test_ids_may_hold_what_csv_has_to_quote(tmp_path):
    scorer = Scorer(RULES)
    scorer.count([order('a,"b"\nü', "a", 0)])
    write(tmp_path / "segments.csv", rows(scorer.store, AS_OF))
    with (tmp_path / "segments.csv").open(encoding="utf-8", newline="") as text:
        assert list(csv.reader(text))[1][0] == 'a,"b"\nü'


def test_lines_end_as_on_unix(tmp_path):
    write(tmp_path / "segments.csv", [("a",) * 9])
    assert (tmp_path / "segments.csv").read_bytes() == (
        ",".join(HEADER) + "\n" + "a,a,a,a,a,a,a,a,a\n"
    ).encode()


def test_a_gzipped_file_has_the_same_bytes_whenever_and_wherever_it_is_written(tmp_path, monkeypatch):
    every = list(rows(counted().store, AS_OF))
    write(tmp_path / "one.csv.gz", every)
    monkeypatch.setattr("time.time", lambda: 1.0)
    write(tmp_path / "other.csv.gz", reversed(every))
    write(tmp_path / "plain.csv", every)
    one = (tmp_path / "one.csv.gz").read_bytes()
    assert one == (tmp_path / "other.csv.gz").read_bytes()
    assert gzip.decompress(one) == (tmp_path / "plain.csv").read_bytes()


@pytest.mark.parametrize("amount", [0, 5 * UNIT, 1])
def test_looking_at_segments_changes_none(amount):
    scorer = Scorer(RULES)
    scorer.count([order("c0", "a", 0, amount / UNIT)])
    before = scorer.segments(), scorer.values()
    list(rows(scorer.store, AS_OF))
    assert (scorer.segments(), scorer.values()) == before
