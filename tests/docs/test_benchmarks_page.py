"""What the page of benchmarks calls is there, and says what it does."""

import re
import subprocess
import sys

import pytest
from pages import ROOT, read, rows

NAMES = [name for row in rows(read("benchmarks/README.md")) for name in re.findall(r"`(\w+)`", row[0])]


def helped(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "benchmarks", *arguments, "--help"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_help_says_what_each_is_for():
    shown = helped()
    assert shown.returncode == 0, shown.stderr
    known = re.findall(r"^    (\w+)", shown.stdout, re.MULTILINE)
    assert sorted([*NAMES, "report"]) == sorted(known)


@pytest.mark.parametrize("name", ["latency", "report"])
def test_one_says_what_its_options_are(name):
    shown = helped(name)
    assert shown.returncode == 0, shown.stderr
