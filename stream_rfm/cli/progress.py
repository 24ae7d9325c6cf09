"""A bar on standard error for work on files; nothing where nobody watches."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_CHUNK = 1 << 20


@contextmanager
def lines_progress(what: str, files: Sequence[Path]) -> Iterator[Callable[[int], None]]:
    """A bar over the lines of files, where standard error is a terminal.

    Args:
        what: what is done, in a word or two.
        files: what it is done with.

    Yields:
        A function to be told how many more lines are done.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich import progress  # noqa: PLC0415 - not needed where nobody watches
    from rich.console import Console  # noqa: PLC0415 - the same

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=sum(map(_lines, files)) or None)
        yield lambda count: bar.advance(task, count)


def _lines(path: Path) -> int | float:
    """About how many orders a file has; reading it again is a small part of the work on them."""
    if not path.is_file():
        return 0  # what is read from a pipe is gone
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b""))
    except (OSError, EOFError):
        return 0  # whoever reads it will say so
