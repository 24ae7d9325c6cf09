from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any, get_args

import click
import pytest
import typer
from pages import PAGES, ROOT, blocks, code, prose, read, rows
from pydantic import BaseModel, SecretStr

import stream_rfm.client
from stream_rfm.cli.main import app
from stream_rfm.kafka.topics import topics_of
from stream_rfm.settings import PREFIX, Settings, load, variable

_LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_VARIABLE = re.compile(rf"{PREFIX}[A-Z0-9_]+")
_EMPTY = {"empty": ""}


def defaults(model: type[BaseModel] = Settings, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting's variable with its default."""
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from defaults(type(field.default), f"{above}{name}.")
        else:
            yield variable(f"{above}{name}"), field.get_default(call_default_factory=True)


def shown(default: Any) -> str:
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if default is None:
        return "null"
    return json.dumps(default) if isinstance(default, dict) else str(default)


def settings_in(page: str) -> dict[str, str]:
    """The settings of a page's tables, with the default that it names."""
    found = {}
    for cells in rows(read(page)):
        name = code(cells[0])
        if name and name.startswith(PREFIX):
            found[name] = code(cells[1]) or _EMPTY.get(cells[1], cells[1])
    return found


def command_of(words: list[str]) -> click.Command | None:
    """The command that words name, or the group."""
    at: Any = typer.main.get_command(app)
    for word in words:
        at = at.commands.get(word) if hasattr(at, "commands") else None
        if at is None:
            return None
    return at


def commands() -> Iterator[tuple[str, str]]:
    """Each command that a console block calls or that stands in backticks, with its page."""
    for page in PAGES:
        text = page.read_text("utf-8")
        lines = [line for block in blocks(text, "console") for line in block.splitlines()]
        for piece in [*lines, *re.findall(r"`([^`\n]+)`", prose(text))]:
            said = piece.removeprefix("$ ").split("#")[0]
            if called := re.search(r"(?:^|\(|bin/)(stream-rfm [^)\"]+)", said):
                yield page.name, called[1].strip()


def anchors(text: str) -> set[str]:
    """What a page's headings are linked by."""
    return {re.sub(r"[^\w\- ]", "", said.lower()).replace(" ", "-") for said in _HEADING.findall(text)}


def test_all_settings_are_on_their_page_with_their_defaults():
    expected = {name: shown(default) for name, default in defaults()}
    found = settings_in("docs/settings.md")
    folder = variable("data_dir")
    assert expected.pop(folder) == str(load().data_dir)
    assert found.pop(folder) == "the user's state folder"
    assert found == expected


def test_the_settings_of_the_readme_have_the_defaults_it_says():
    every, found = dict(defaults()), settings_in("README.md")
    assert len(found) > 5
    assert found == {name: shown(every[name]) for name in found}


def test_every_setting_that_a_page_names_exists():
    known = {name for name, _ in defaults()}
    named = {name for page in PAGES for name in _VARIABLE.findall(page.read_text("utf-8"))}
    assert {name for name in named if not name.endswith("_")} - known - {f"{PREFIX}RATES__USD"} == set()


def test_every_choice_of_a_setting_is_named():
    page = read("docs/settings.md")
    for name, field in Settings.model_fields.items():
        choices = [each for each in get_args(field.annotation) if isinstance(each, str)]
        assert [choice for choice in choices if f"`{choice}`" not in page] == [], name


def test_examples_of_settings_can_be_read(monkeypatch):
    monkeypatch.setenv(f"{PREFIX}THRESHOLDS__RECENCY_DAYS", "[30, 90, 180, 365]")
    monkeypatch.setenv(f"{PREFIX}THRESHOLDS__MONETARY", '["10", "49.99"]')
    monkeypatch.setenv(f"{PREFIX}RATES__USD", "0.92")
    settings = load()
    assert settings.thresholds.recency_days == (30, 90, 180, 365)
    assert settings.thresholds.monetary == ("10", "49.99")
    assert settings.rates == {"USD": "0.92"}


@pytest.mark.parametrize(("page", "called"), sorted(set(commands())))
def test_a_command_that_a_page_calls_exists_with_its_options(page, called):
    words = called.split()[1:]
    names = []
    while words and command_of([*names, words[0]]) is not None:
        names.append(words.pop(0))
    command = command_of(names)
    assert names, f"{page}: {called} calls no command"
    assert command is not None
    assert not hasattr(command, "commands"), f"{page}: {called} needs one of {list(command.commands)}"
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options


def test_commands_are_found_at_all():
    assert {"worker", "produce", "watch", "lookup", "export", "replay", "demo"} <= {
        called.split()[1] for _, called in commands()
    } | {"demo"}


def test_every_make_target_that_a_page_calls_exists():
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    for page in PAGES:
        called = set(re.findall(r"(?:`|\$ )make ([a-z]+)", page.read_text("utf-8")))
        assert called - targets == set(), page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page):
    text = page.read_text("utf-8")
    for pair in _LINK.findall(prose(text)):
        target = pair[0] or pair[1]
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        found = page.parent.joinpath(path) if path else page
        assert found.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(found.read_text("utf-8")), f"{page.name} links to {target}"


def test_every_page_of_decisions_that_the_code_cites_exists():
    sources = [*ROOT.joinpath("stream_rfm").rglob("*.py"), *ROOT.joinpath("tests").rglob("*.py")]
    cited = {name for path in sources for name in re.findall(r"docs/[\w/.-]+\.md", path.read_text("utf-8"))}
    assert {name for name in cited if not ROOT.joinpath(name).exists()} == set()


def test_every_page_of_decisions_is_cited_by_the_code():
    sources = [path.read_text("utf-8") for path in ROOT.joinpath("stream_rfm").rglob("*.py")]
    for page in ROOT.joinpath("docs/decisions").glob("*.md"):
        assert any(f"docs/decisions/{page.name}" in source for source in sources), page.name


def test_decisions_are_numbered_without_holes_and_built_alike():
    pages = sorted(ROOT.joinpath("docs/decisions").glob("*.md"))
    for number, page in enumerate(pages, 1):
        text = page.read_text("utf-8")
        assert page.name.startswith(f"{number:04}-")
        assert text.startswith(f"# {number}. ")
        headings = _HEADING.findall(prose(text))[1:]
        assert headings == ["Context", "Decision", "Rejected", "Consequences"], page.name


def test_every_topic_stands_on_its_page():
    page = read("docs/decisions/0008-topics.md")
    topics = topics_of(Settings())
    for topic in topics.all():
        name = topic.name.replace(Settings().app_id, "<app_id>")
        [cells] = [cells for cells in rows(page) if code(cells[0]) == name]
        assert topic.configs["cleanup.policy"] in cells[3]


@pytest.mark.parametrize("example", blocks(read("README.md"), "json"))
def test_an_example_event_fits_its_schema(example):
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - as the tests of the schemas have it

    Draft202012Validator(json.loads(read("schemas/order.v1.json"))).validate(json.loads(example))


def test_the_python_of_the_readme_names_what_the_client_has():
    [example] = blocks(read("README.md"), "python")
    compile(example, "README.md", "exec")
    for name in re.findall(r"from stream_rfm\.client import (.+)", example)[0].split(", "):
        assert name in stream_rfm.client.__all__


def test_what_the_readme_installs_goes_into_an_environment_and_has_what_services_need():
    lines = [line for block in blocks(read("README.md"), "console") for line in block.splitlines()]
    [install] = [line for line in lines if "pip install" in line]
    assert ". .venv/bin/activate" in lines[lines.index(install) - 1]
    [extra] = re.findall(r"pip install '\.\[(\w+)\]'", install)
    assert extra == "local"
    assert extra in tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"]


def test_no_page_and_no_file_here_has_a_place_left_to_fill():
    assert [page.name for page in PAGES if "@@" in page.read_text("utf-8")] == []
