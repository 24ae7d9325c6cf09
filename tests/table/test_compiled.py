import numba as nb
import pytest

from stream_rfm.table import compiled


@pytest.fixture(autouse=True)
def _cache_stays(monkeypatch):
    monkeypatch.setattr(nb.config, "CACHE_DIR", nb.config.CACHE_DIR)


def test_what_is_compiled_is_kept():
    assert compiled.OPTIONS["cache"]


def test_it_is_compiled_at_each_start_where_nothing_can_be_kept(monkeypatch, tmp_path):
    (tmp_path / "cache").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert not compiled._options()["cache"]
