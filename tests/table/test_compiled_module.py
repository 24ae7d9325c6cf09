from __future__ import annotations

import json
import sys

import pytest

from stream_rfm.table.compiled_module import CompiledModule


def test_it_is_there_once_it_has_been_loaded():
    module = CompiledModule("json")
    assert module.way is None
    module.load()
    assert module.way is json


def test_what_stands_in_for_it_stays_where_it_is_not_to_be_had(monkeypatch):
    monkeypatch.setitem(sys.modules, "json", None)
    module = CompiledModule("json", before=sys)
    with pytest.raises(ImportError):
        module.load()
    assert module.way is sys
