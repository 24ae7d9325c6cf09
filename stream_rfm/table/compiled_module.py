"""Modules of compiled code, which are there once they have been loaded; until then it is done by numpy."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class CompiledModule:
    """One of them, for the whole process.

    Attributes:
        way: the module once it has been loaded, and what stands in for it before.
    """

    def __init__(self, name: str, before: Any = None) -> None:
        """Say which one it is.

        Args:
            name: what it is imported by.
            before: what does the same until it has been loaded; ``None`` where its caller does.
        """
        self._name = name
        self.way = before

    def load(self) -> None:
        """Have it used from now on: that takes a second, and half a minute of a core the first time.

        Raises:
            ImportError: numba is not to be had.
        """
        self.way = import_module(self._name)
