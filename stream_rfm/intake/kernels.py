"""What is compiled of the intake, once it is there; until then, and without numba, orders go the plain way.

Loading takes a second, half a minute of a core the first time: it is for a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stream_rfm.table import groups, hash_index, packed, plain, row_set


@dataclass(frozen=True, slots=True)
class Kernels:
    """The functions; see :mod:`~stream_rfm.intake.unpacking`, ``scanning`` and ``hashing``."""

    unpack: Callable[..., bool]
    scan: Callable[..., None]
    hashes: Callable[..., None]
    digests: Callable[..., None]


class _Shelf:
    kernels: Kernels | None = None


def loaded() -> Kernels | None:
    """The kernels, if they have been loaded."""
    return _Shelf.kernels


def load() -> Kernels:
    """Load the kernels, and what is compiled of the tables, for the whole process.

    Raises:
        ImportError: numba is not to be had.
    """
    from stream_rfm.intake import hashing, scanning, unpacking  # noqa: PLC0415 - numba takes its time

    for module in (groups, hash_index, packed, row_set):
        module.COMPILED.load()
    plain.use_compiled()
    _Shelf.kernels = Kernels(unpacking.unpack, scanning.scan, hashing.hashes, hashing.digests)
    return _Shelf.kernels
