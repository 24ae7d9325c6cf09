"""Kafka's jars in this user's cache folder: fetched once, then found without asking anybody."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from stream_rfm.local.download import download
from stream_rfm.local.errors import ServiceError
from stream_rfm.local.jar_lock import KAFKA_VERSION, Jar, pinned_jars


def cache_folder() -> Path:
    """Where the jars of this Kafka, and what is derived from them, are kept for this user."""
    return Path(platformdirs.user_cache_dir("stream-rfm")) / f"kafka-{KAFKA_VERSION}"


def kafka_jars(folder: Path | None = None) -> list[Path]:
    """The jars of the class path; missing and damaged ones are fetched first, under a progress bar.

    Every jar gets its place complete and checked, so a present one of the right size is a right one.

    Args:
        folder: the cache to use instead of this user's.

    Raises:
        ServiceError: a jar cannot be had, or the cache cannot be written.
    """
    folder = folder or cache_folder()
    jars = pinned_jars()
    try:
        if _missing(jars, folder):
            _fetch_missing(jars, folder)
    except OSError as error:
        raise ServiceError(
            f"Kafka's jars cannot be kept in {folder}: {error.strerror}. "
            "Make that folder writable, or choose another cache with XDG_CACHE_HOME."
        ) from error
    return [folder / jar.filename for jar in jars]


def _fetch_missing(jars: Sequence[Jar], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        missing = _missing(jars, folder)  # anew: another process may have fetched them meanwhile
        if missing:
            download(missing, folder)


def _missing(jars: Sequence[Jar], folder: Path) -> list[Jar]:
    return [jar for jar in jars if not _is_present(jar, folder)]


def _is_present(jar: Jar, folder: Path) -> bool:
    try:
        return (folder / jar.filename).stat().st_size == jar.size
    except FileNotFoundError:
        return False


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed, also by a SIGKILL
        yield
