"""The pages of this repository, as the tests of this folder read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.joinpath("docs").rglob("*.md")])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)


def read(name: str) -> str:
    return ROOT.joinpath(name).read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [body for said, body in _FENCE.findall(text) if said == language]


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", text)


def rows(text: str) -> Iterator[list[str]]:
    """The cells of all tables' rows."""
    for row in _ROW.findall(prose(text)):
        yield [cell.strip() for cell in row.split("|")]


def code(cell: str) -> str | None:
    """What a cell says, where that is one piece of code and nothing else."""
    found = re.fullmatch(r"`([^`]+)`", cell)
    return found[1] if found else None
