import os
from dataclasses import replace

import psutil
import pytest
from local_probes import python

from stream_rfm.local.identity import ProcessIdentity


@pytest.fixture
def process():
    with python("import time; print('up', flush=True); time.sleep(600)") as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_process_is_recognised(process):
    identity = ProcessIdentity.of(process.pid)
    assert identity.alive
    assert ProcessIdentity.of(os.getpid()).alive


def test_stranger_with_the_same_pid_is_left_alone(process):
    identity = ProcessIdentity.of(process.pid)
    before = replace(identity, created=identity.created - 60)
    assert not before.alive
    before.end(1)
    assert before.wait_until_gone(0)
    assert identity.alive


def test_process_is_ended(process):
    identity = ProcessIdentity.of(process.pid)
    identity.end(5)
    assert not identity.alive  # though it is a zombie, until its parent asks for it
    assert process.wait(5) == -15


def test_process_that_ignores_sigterm_is_killed():
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    with python(deaf) as process:
        process.stdout.readline()
        ProcessIdentity.of(process.pid).end(0.2)
        assert process.wait(5) == -9


def test_a_clock_that_is_set_makes_no_stranger_of_a_process(process, monkeypatch):
    identity = ProcessIdentity.of(process.pid)
    create_time = psutil.Process.create_time
    # Calculated from when the system began by its clock, which then is another instant.
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: create_time(self) + 3600)
    assert identity.alive
