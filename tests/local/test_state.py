import os

import pytest

from stream_rfm.local.identity import ProcessIdentity
from stream_rfm.local.state import ServicesState

ME = ProcessIdentity.of(os.getpid())


def test_state_is_read_as_it_was_written(tmp_path):
    state = ServicesState(ME, {"Kafka": ME}, {"Kafka": 20_001})
    state.save(tmp_path)
    assert ServicesState.load(tmp_path) == state


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"supervisor": 1}'])
def test_unreadable_state_is_an_empty_one(tmp_path, content):
    if content is not None:
        (tmp_path / "state.json").write_bytes(content)
    assert ServicesState.load(tmp_path) == ServicesState()


def test_services_run_once_they_are_ready_and_while_their_supervisor_is_alive():
    assert ServicesState(ME, {"Kafka": ME}).running
    assert not ServicesState(ME).running
    assert not ServicesState(ProcessIdentity(ME.pid, ME.created - 60), {"Kafka": ME}).running
    assert not ServicesState(None, {"Kafka": ME}).running
