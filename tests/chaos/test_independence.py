"""What judges the stream has nothing of the stream in it, else both could be wrong alike."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]
_FOLDERS = (Path(__file__).parent, _TESTS)
#: What says what is wrong, each with all that it imports of the tests.
_JUDGES = (
    *("checks", "truth", "echo", "standing", "dead_letters", "cache_check", "open_ends", "outcome"),
    *("logged", "broker"),
)


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def _path_of(name: str) -> Path | None:
    return next((path for folder in _FOLDERS if (path := folder / f"{name}.py").exists()), None)


def _reached(name: str) -> set[str]:
    """Everything that a module imports, by way of others in the tests, too."""
    reached, waiting = set[str](), [name]
    while waiting:
        path = _path_of(waiting.pop())
        new = set(_imported(path)) - reached if path is not None else set()
        reached |= new
        waiting += new
    return reached


@pytest.mark.parametrize("name", _JUDGES)
def test_no_judge_has_anything_of_the_stream(name):
    assert _path_of(name) is not None
    assert "stream_rfm" not in _reached(name)


def test_it_is_seen_by_way_of_others():
    assert "stream_rfm" in _reached("run")
    assert "stream_rfm" in _reached("stream_subject")


def test_every_module_that_finds_something_wrong_is_a_judge():
    assert {name for name in _reached("checks") if _path_of(name)} <= {*_JUDGES, "schemas"}
