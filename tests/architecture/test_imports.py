"""Imports go one way, the core stays pure, modules stay short, and each has its test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "stream_rfm"

CORE = {"model", "table", "intake"}
#: What the modules of each part may import of ours, the lowest first. A part that is missing here is a fault.
MAY_IMPORT = {
    "model": {"model"},
    "table": {"model", "table"},
    "intake": CORE,
    "offline": {*CORE, "offline"},
    "sections": set(),
    "settings": {"sections"},
    "logs": set(),
    "early_end": set(),
    "configured": {*CORE, "settings"},
    "kafka": {"model", "settings", "kafka"},
    "serve": {"model", "table", "settings", "serve"},
    "client": {"client"},
    "local": {"settings", "local"},
    "stream": {*CORE, "offline", "kafka", "serve", "settings", "configured", "stream"},
}
_BELOW_THE_TOP = set(MAY_IMPORT)
MAY_IMPORT |= {
    "app": _BELOW_THE_TOP,
    "worker": {*_BELOW_THE_TOP, "app"},
    "demo": {*_BELOW_THE_TOP, "worker", "demo"},
    "cli": {*_BELOW_THE_TOP, "app", "worker", "demo", "cli"},
}

#: Time comes in as an argument and results go out as values: neither is to be had here.
PURE = ("model", "table", "intake")
IMPURE = {"asyncio", "time", "threading", "random", "socket", "os", "logging"} | {
    "kafka",
    "aiokafka",
    "faust",
    "mode",
    "redis",
    "aiohttp",
}
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}

LONGEST_MODULE = 300
LONGEST_FUNCTION = 60
#: Functions that may be longer, with the reason.
LONG = {
    "stream_rfm.serve.metrics.Metrics.__init__": "a list of what is measured; it is read, not followed",
}

#: Parts of which every module has a test of its own, in the same place.
MIRRORED = (
    *("sections", "settings", "logs", "configured", "model", "table", "intake", "offline"),
    *("stream", "serve", "app", "worker"),
)
#: Modules that need none, with the reason.
WITHOUT_TEST = {
    "stream_rfm.model.arrays": "names for types, and no code",
}


@dataclass(frozen=True)
class Module:
    """A module by its full name, with what it says."""

    name: str
    source: str

    @property
    def part(self) -> str:
        """The package below ours that it belongs to, or the module that it is; ``""`` for our own."""
        return ([*self.name.split("."), ""])[1]

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, path.read_text("utf-8")))
    return tuple(found)


def imported(module: Module) -> Iterator[str]:
    """The full names of what a module imports, wherever in it; of ``from a import b`` both a and a.b."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.name.split(".")[: -node.level]
                base = ".".join([*above, *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def parts_imported(module: Module) -> set[str]:
    """The parts of ours that a module imports from."""
    names = (name.split(".") for name in imported(module))
    ours = {name[1] for name in names if name[0] == PACKAGE and len(name) > 1}
    return {part for part in ours if part in MAY_IMPORT or not part.startswith("__")}


def wrong_imports(module: Module) -> list[str]:
    if not module.part:
        allowed: set[str] = set()
    elif module.part not in MAY_IMPORT:
        return [f"{module.name} belongs to no part that the rules know: add {module.part!r} to MAY_IMPORT"]
    else:
        allowed = MAY_IMPORT[module.part]
    wrong = sorted(parts_imported(module) - allowed)
    return [f"{module.name} imports {PACKAGE}.{part}" for part in wrong]


def impurities(module: Module) -> list[str]:
    found = [f"imports {name}" for name in imported(module) if name.split(".")[0] in IMPURE]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in CLOCKS:
                found.append(f"asks {node.value.id}.{node.attr}")
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await):
            found.append(f"awaits in line {node.lineno}")
    return [f"{module.name} {what}" for what in found]


def reads_environment(module: Module) -> bool:
    names = set(imported(module))
    attributes = {
        (node.value.id, node.attr)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    return bool(
        names & {"os.environ", "os.getenv", "os.environb"}
        or attributes & {("os", "environ"), ("os", "getenv"), ("os", "environb")}
    )


def functions(module: Module) -> Iterator[tuple[str, int]]:
    """Every function with the number of its lines, from the first statement behind its docstring."""

    def within(body: list[ast.stmt], above: str) -> Iterator[tuple[str, int]]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                statements = node.body[1:] if ast.get_docstring(node) else node.body
                first = statements[0].lineno if statements else node.lineno
                yield f"{above}.{node.name}", (node.end_lineno or first) - first + 1
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from within(node.body, f"{above}.{node.name}")

    yield from within(module.tree.body, module.name)


def too_long(module: Module) -> list[str]:
    lines = module.source.count("\n")
    found = [f"{module.name} has {lines} lines"] if lines > LONGEST_MODULE else []
    return found + [
        f"{name} has {length} lines"
        for name, length in functions(module)
        if length > LONGEST_FUNCTION and name not in LONG
    ]


def has_code(module: Module) -> bool:
    return any(not isinstance(node, ast.Expr | ast.Import | ast.ImportFrom) for node in module.tree.body)


def test_path(module: Module) -> Path:
    *folders, name = module.name.split(".")[1:]
    return ROOT.joinpath("tests", *folders, f"test_{name}.py")


test_path.__test__ = False  # type: ignore[attr-defined] # it only looks like one


def each(**arguments):
    return pytest.mark.parametrize("module", modules(), ids=lambda module: module.name, **arguments)


@each()
def test_imports_go_one_way(module):
    assert wrong_imports(module) == []


@each()
def test_no_module_and_no_function_is_too_long(module):
    assert too_long(module) == []


def test_the_core_knows_no_clock_no_network_and_no_waiting():
    assert [fault for module in modules() if module.part in PURE for fault in impurities(module)] == []


def test_only_the_settings_read_the_environment():
    assert [module.name for module in modules() if reads_environment(module)] == ["stream_rfm.settings"]


def test_every_module_has_a_test_in_the_same_place():
    missing = [
        module.name
        for module in modules()
        if module.part in MIRRORED and has_code(module) and not test_path(module).exists()
    ]
    assert sorted(missing) == sorted(WITHOUT_TEST)


def test_no_exception_is_left_over():
    lengths = {name: length for module in modules() for name, length in functions(module)}
    assert {name for name in LONG if lengths.get(name, 0) > LONGEST_FUNCTION} == set(LONG)


def test_every_part_that_the_rules_know_exists():
    assert {module.part for module in modules()} - {""} == set(MAY_IMPORT)


# That the checks above can fail.


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("stream_rfm.model.x", "from stream_rfm.table import fold"),
        ("stream_rfm.model.x", "import stream_rfm.settings"),
        ("stream_rfm.model.x", "from stream_rfm import settings"),
        ("stream_rfm.model.x", "from ..table import fold"),
        ("stream_rfm.model.x", "def f():\n    from stream_rfm.stream.writer import Writer"),
        ("stream_rfm.table.x", "if TYPE_CHECKING:\n    import stream_rfm.intake.records"),
        ("stream_rfm.client.x", "from stream_rfm.serve.cache import key"),
        ("stream_rfm.settings", "from stream_rfm.model import grid"),
        ("stream_rfm.serve.x", "from stream_rfm.stream import writer"),
        ("stream_rfm.stream.x", "import stream_rfm.app"),
        ("stream_rfm.app", "from stream_rfm.cli import main"),
        ("stream_rfm", "from stream_rfm.model import grid"),
        ("stream_rfm.novelty.x", ""),
    ],
)
def test_an_import_against_the_rules_is_found(name, source):
    assert wrong_imports(Module(name, source))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("stream_rfm.model.x", "from stream_rfm.model import grid\nfrom .grid import Grid\nimport numpy"),
        ("stream_rfm.table.x", "from stream_rfm.model.grid import Grid"),
        ("stream_rfm.cli.x", "from stream_rfm import __version__\nfrom stream_rfm.local import jars"),
    ],
)
def test_an_import_by_the_rules_is_none(name, source):
    assert wrong_imports(Module(name, source)) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from time import monotonic",
        "import kafka.errors",
        "from aiokafka import errors",
        "import redis.asyncio as redis",
        "def f():\n    import asyncio",
        "from datetime import datetime\nx = datetime.now()",
        "x = date.today()",
        "async def f(): ...",
    ],
)
def test_an_impurity_is_found(source):
    assert impurities(Module("stream_rfm.model.x", source))


def test_what_only_sounds_like_one_is_none():
    assert (
        impurities(Module("stream_rfm.model.x", "from datetime import datetime\nimport timeit\nnow = 1"))
        == []
    )


@pytest.mark.parametrize(
    "source", ["import os\nos.environ['X']", "import os\nos.getenv('X')", "from os import environ"]
)
def test_a_reader_of_the_environment_is_found(source):
    assert reads_environment(Module("stream_rfm.kafka.x", source))


def test_what_is_too_long_is_found_by_its_name():
    body = "".join(f"        x{n} = {n}\n" for n in range(LONGEST_FUNCTION + 1))
    module = Module("stream_rfm.model.x", f'class C:\n    def f(self):\n        """Say."""\n{body}')
    assert too_long(module) == [f"stream_rfm.model.x.C.f has {LONGEST_FUNCTION + 1} lines"]
    assert too_long(Module("stream_rfm.model.x", "\n" * 301)) == ["stream_rfm.model.x has 301 lines"]
