"""Makes what a peer needs to run, once, in this user's cache: its classes, or its virtual environment."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import harness
import platformdirs

_PEERS = harness.ROOT / "peers"
_CACHE = Path(platformdirs.user_cache_dir("stream-rfm")) / "peers"


class NotToBeHadError(Exception):
    """A peer cannot be run here; the message says what is missing."""


def class_path(name: str) -> list[Path]:
    """The classes of a peer in Java and all that they need, made by Maven.

    Raises:
        NotToBeHadError: a tool is missing, or Maven does not succeed.
    """
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise NotToBeHadError(f"{tool} is not on the path")
    source = _PEERS / name

    def make(folder: Path) -> None:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        goals = ("compile", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib")
        _run(["mvn", "--batch-mode", "--quiet", *goals], folder)

    folder = _made(name, [path for path in source.rglob("*") if path.is_file()], make)
    return [folder / "target" / "classes", *sorted((folder / "lib").iterdir())]


def python(name: str, versions: str) -> Path:
    """The Python of a peer's own virtual environment, with what its requirements pin.

    Raises:
        NotToBeHadError: none of the Python versions is here, or its packages cannot be had.
    """
    requirements = _PEERS / f"{name}.txt"
    uv = str(Path(sys.executable).parent / "uv")

    def make(folder: Path) -> None:
        _run([uv, "venv", "--no-python-downloads", "--python", versions, "venv"], folder)
        _run([uv, "pip", "install", "--python", "venv", "-r", str(requirements)], folder)

    return _made(name, [requirements], make) / "venv" / "bin" / "python"


def _made(name: str, inputs: Sequence[Path], make: Callable[[Path], None]) -> Path:
    """A folder that belongs to just these inputs: the one that is there, or a new one."""
    digest = hashlib.sha256()
    for path in sorted(inputs):
        digest.update(path.read_bytes())
    folder = _CACHE / f"{name}-{digest.hexdigest()[:12]}"
    complete = folder / "complete"
    if not complete.exists():
        harness.progress(f"making {name}, once, in {folder}")
        for former in _CACHE.glob(f"{name}-*"):
            shutil.rmtree(former, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        complete.touch()
    return folder


def _run(command: Sequence[str], folder: Path) -> None:
    log = folder / "making.log"
    # An environment of one's own is meant even where another one is active.
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    with log.open("ab") as out:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        said = [line.strip(" │╰─▶×") for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise NotToBeHadError(
            f"{Path(command[0]).name} did not succeed, see {log}: {said[-1] if said else ''}"
        )
