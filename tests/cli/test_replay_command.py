import gzip
import json

import pytest
from runs import answers, run

from schemas import validator

HEADER = "customer_id,order_id,ts,amount,type\n"


def rows(customers=150):
    """Orders of so many customers: later and larger ones for higher numbers."""
    return [
        f"c-{number:03d},o-{number},2026-01-{1 + number // 10:02d}T00:00:00Z,{number}.50,order\n"
        for number in range(1, customers + 1)
    ]


@pytest.fixture
def orders(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(HEADER + "".join(rows()))
    return path


def segments(folder):
    header, *lines = (folder / "segments.csv").read_text().splitlines()
    return [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]


def test_replay_writes_segments_transitions_and_versions(orders, tmp_path):
    out = tmp_path / "new" / "out"
    result = run("replay", orders, "--as-of", "2026-02-01", "-o", out)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "150 orders counted; 0 later than the as-of left out." in result.stderr
    assert sorted(path.name for path in out.iterdir()) == [
        "quantiles.json",
        "segments.csv",
        "transitions.jsonl",
    ]
    found = segments(out)
    assert [row["customer_id"] for row in found] == [f"c-{number:03d}" for number in range(1, 151)]
    assert found[-1]["code"] == "515"
    for line in (out / "transitions.jsonl").read_text().splitlines():
        validator("transition.v1").validate(json.loads(line))
    for made in json.loads((out / "quantiles.json").read_text()):
        validator("quantiles.v1").validate(made)


def test_the_same_orders_give_the_same_bytes(orders, tmp_path):
    packed = tmp_path / "orders.csv.gz"
    packed.write_bytes(gzip.compress(orders.read_bytes()))
    for source, out in ((orders, "one"), (packed, "other")):
        assert run("replay", source, "--as-of", "2026-02-01", "-o", tmp_path / out).exit_code == 0
    for name in ("segments.csv", "transitions.jsonl", "quantiles.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_summary_counts_what_was_left_out_and_why(orders, tmp_path):
    heartbeat = ",,2026-01-20T00:00:00Z,,heartbeat\n"
    bad = [
        "c-1,o-1,2026-01-20T00:00:00Z,many,order\n",
        "c-1,o-1,never,1,order\n",
        ",o-1,2026-01-20,1,order\n",
    ]
    late = "c-1,o-9,2999-02-01T00:00:01Z,1,order\n"
    orders.write_text(HEADER + "".join([*rows(), heartbeat, *bad, late]))
    said = answers("replay", orders, "--as-of", "2026-02-01T00:00:00Z", "-o", tmp_path / "out")
    versions = json.loads((tmp_path / "out" / "quantiles.json").read_text())
    transitions = (tmp_path / "out" / "transitions.jsonl").read_text().splitlines()
    assert said == {
        "orders": 150,
        "after": 1,
        "rejected": {"invalid-amount": 1, "invalid-time": 1, "missing-field": 1},
        "transitions": len(transitions),
        "customers": 150,
        "versions": len(versions),
    }


def test_options_win_over_settings(orders, tmp_path, monkeypatch):
    monkeypatch.setenv("STREAM_RFM_LEVELS", "5")
    monkeypatch.setenv("STREAM_RFM_WINDOW_DAYS", "365")
    out = tmp_path / "out"
    options = ["--levels", 3, "--window-days", 28, "--quantiles", "linear"]
    assert run("replay", orders, "--as-of", "2026-02-01", *options, "-o", out).exit_code == 0
    found = segments(out)
    assert {row["code"] for row in found} >= {"", "313"}
    assert {row["segment"] for row in found if not row["code"]} == {"lapsed"}
    assert json.loads((out / "quantiles.json").read_text())[-1]["method"] == "linear"


def test_null_is_a_window_of_all_time(orders, tmp_path):
    as_of = ["--as-of", "2028-01-01"]
    assert run("replay", orders, *as_of, "--window-days", "null", "-o", tmp_path / "all").exit_code == 0
    assert run("replay", orders, *as_of, "-o", tmp_path / "year").exit_code == 0
    assert "lapsed" not in {row["segment"] for row in segments(tmp_path / "all")}
    assert {row["segment"] for row in segments(tmp_path / "year")} == {"lapsed"}


def test_grid_of_a_file(orders, tmp_path):
    grid = tmp_path / "grid.toml"
    grid.write_text(
        'levels = 2\n[[segments]]\nname = "good"\ncodes = "2xx"\n[[segments]]\nname = "bad"\ncodes = "1xx"\n'
    )
    out = tmp_path / "out"
    assert run("replay", orders, "--as-of", "2026-02-01", "--grid", grid, "-o", out).exit_code == 0
    assert {row["segment"] for row in segments(out)} == {"good", "bad"}


def test_no_orders_give_no_customers(orders, tmp_path):
    orders.write_text(HEADER)
    said = answers("replay", orders, "--as-of", "2026-02-01", "-o", tmp_path / "out")
    assert (said["orders"], said["customers"], said["transitions"]) == (0, 0, 0)
    assert segments(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--window-days", "much"], "--window-days should be a valid number"),
        (["--levels", "1"], "--levels should be greater than or equal to 2"),
        (["--levels", "4", "--grid", "classic-5"], "choose another --grid"),
        (["--grid", "missing.toml"], "neither a shipped one"),
        (["--quantiles", "guessed"], "--quantiles should be"),
        (["--quantiles", "fixed"], "Fixed quantiles need thresholds"),
    ],
)
def test_wrong_options_are_wrong_use(orders, tmp_path, options, said):
    result = run("replay", orders, "--as-of", "2026-02-01", *options, "-o", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("left_out", ["--as-of", "-o", "FILE"])
def test_what_is_needed(orders, tmp_path, left_out):
    arguments = {"FILE": [orders], "--as-of": ["--as-of", "2026-02-01"], "-o": ["-o", tmp_path / "out"]}
    assert (
        run(
            "replay", *(word for name, words in arguments.items() if name != left_out for word in words)
        ).exit_code
        == 2
    )


def test_file_that_is_no_orders_has_failed(orders, tmp_path):
    orders.write_text("a,b\n1,2\n")
    result = run("replay", orders, "--as-of", "2026-02-01", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert f"The orders file {orders} has no column customer_id" in result.stderr


def test_a_folder_that_cannot_be_written_is_named(orders):
    out = orders / "out"
    result = run("replay", orders, "--as-of", "2026-02-01", "-o", out)
    said = f"{out} cannot be written: Not a directory. Choose another one with --out.\n"
    assert (result.exit_code, result.stderr) == (1, said)
