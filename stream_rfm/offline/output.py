"""Files that somebody asked for: where they cannot be written, a sentence says which and why."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class OutputError(Exception):
    """A file cannot be written; the message names it."""


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Write what a command was told to.

    Args:
        path: the file, or the folder of several.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        # What is full says nothing of where.
        where = f" ({error.filename})" if error.filename not in {None, str(path)} else ""
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}{where}. Choose another one with --out."
        ) from None


def check(path: Path) -> None:
    """See whether a file can be written, before much work is done for it; nothing of it is left.

    Raises:
        OutputError: it cannot.
    """
    with written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            tempfile.TemporaryFile(dir=path.parent).close()
        elif path.is_file():  # and no pipe, which would have to be read
            path.open("ab").close()
