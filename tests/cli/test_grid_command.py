import pytest
from runs import answers, run

from stream_rfm.model import grid

HALVES = """levels = 2
[[segments]]
name = "good"
codes = "2xx"
[[segments]]
name = "bad"
codes = "1xx"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(HALVES)
    return path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("classic-5", "ok: 125 codes, 11 segments"),
        ("three-level", "ok: 27 codes, 8 segments"),
        ("lifecycle", "ok: 27 codes, 4 segments"),
    ],
)
def test_shipped_grids_are_ok(name, said):
    result = run("grid", "check", name)
    assert (result.exit_code, result.stdout.strip()) == (0, said)


def test_file_that_is_ok(file):
    result = run("grid", "check", file)
    assert (result.exit_code, result.stdout) == (0, "ok: 8 codes, 2 segments\n")
    assert answers("grid", "check", file) == {"ok": True, "faults": [], "codes": 8, "segments": 2}


def test_every_fault_has_a_line(file):
    file.write_text(HALVES.replace("2xx", "22x 1x1") + '[[segments]]\nname = "none"\ncodes = ""\n')
    result = run("grid", "check", file)
    assert result.exit_code == 1
    assert sorted(result.stdout.splitlines()) == [
        "code 111 belongs to bad and good",
        "code 121 belongs to bad and good",
        "code 211 belongs to no segment",
        "code 212 belongs to no segment",
        "segment 'none' has no codes, so that nobody can be in it",
    ]
    said = run("grid", "check", file, "--json")
    assert said.exit_code == 1
    assert '"ok": false' in said.stdout


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("levels = 2", "it needs [[segments]], each with a name and codes"),
        ("levels = ", "not valid TOML"),
        (
            HALVES + "[thresholds]\nfrequency = [1, 2]\n",
            "thresholds of frequency must be 1 ascending numbers",
        ),
        (HALVES + "[thresholds]\nfrequency = ['x']\n", "thresholds of frequency are not all numbers"),
        (
            HALVES + "[thresholds]\noften = [1]\n",
            "not of 'often'",
        ),
    ],
)
def test_grid_that_cannot_be_used_has_its_fault(file, text, fault):
    file.write_text(text)
    result = run("grid", "check", file)
    assert result.exit_code == 1
    assert fault in result.stdout


def test_grid_that_is_not_there_is_wrong_use(tmp_path):
    assert run("grid", "check", tmp_path / "missing.toml").exit_code == 2
    result = run("grid", "show", "missing")
    assert result.exit_code == 2
    assert "neither a shipped one" in result.stderr


def test_table_shows_every_segment_with_its_codes():
    said = run("grid", "show", "classic-5").stdout
    for segment in grid.load("classic-5").segments:
        [line] = [line for line in said.splitlines() if f" {segment.name} " in line]
        assert f" {len(segment.codes)} " in line
    assert "Fixed thresholds: frequency 2, 4" in run("grid", "show", "lifecycle").stdout


def test_json_has_all_of_the_grid(monkeypatch):
    said = answers("grid", "show", "classic-5")
    loaded = grid.load("classic-5")
    assert [segment["name"] for segment in said["segments"]] == [segment.name for segment in loaded.segments]
    assert sum(len(segment["codes"]) for segment in said["segments"]) == 125
    assert said["segments"][0]["codes"][0] == "555"
    assert said["reserved"] == dict(loaded.reserved_advice)
    assert said["levels"] == 5
    monkeypatch.setenv("STREAM_RFM_BEST", "low")
    assert answers("grid", "show", "classic-5")["segments"][0]["codes"][0] == "111"


def test_grid_of_codes_has_the_levels_of_the_settings(monkeypatch):
    monkeypatch.setenv("STREAM_RFM_LEVELS", "4")
    assert len(answers("grid", "show", "codes")["segments"]) == 64
