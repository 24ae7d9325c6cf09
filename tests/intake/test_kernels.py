from __future__ import annotations

import sys

import pytest

from stream_rfm import intake
from stream_rfm.intake import kernels


@pytest.fixture
def _nothing_loaded(monkeypatch):
    monkeypatch.setattr(kernels._Shelf, "kernels", None)


@pytest.mark.usefixtures("_nothing_loaded")
def test_without_numba_there_are_none(monkeypatch):
    for module in ("hashing", "scanning", "unpacking"):
        monkeypatch.delattr(intake, module, raising=False)
        monkeypatch.setitem(sys.modules, f"stream_rfm.intake.{module}", None)
    with pytest.raises(ImportError):
        kernels.load()
    assert kernels.loaded() is None


@pytest.mark.usefixtures("_nothing_loaded")
def test_they_are_there_once_they_are_loaded():
    assert kernels.loaded() is None
    assert kernels.load() is kernels.loaded()
