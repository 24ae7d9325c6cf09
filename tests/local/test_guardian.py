import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest
from broker import eventually
from local_probes import gone, python

from stream_rfm.local import guardian
from stream_rfm.local.errors import ServiceError
from stream_rfm.local.guarded import GuardedProcess

SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
STUBBORN = [sys.executable, "-c", DEAF]

OWNER = """
    import json, os, sys, time
    from pathlib import Path
    from stream_rfm.local.guarded import GuardedProcess
    folder = Path(sys.argv[1])
    service = GuardedProcess(json.loads(sys.argv[2]), folder=folder, log=folder / "log")
    if "fork" in sys.argv and os.fork() == 0:
        os.close(1)
        time.sleep(30)
        os._exit(0)
    print(service.pid, flush=True)
    sys.stdin.read()
"""


@contextmanager
def owner(folder, *options, command=SLEEPS):
    """A process that owns a service, and the service's pid; both are gone afterwards."""
    process = python(OWNER, folder, json.dumps(command), *options, start_new_session=True)
    service = int(process.stdout.readline())
    try:
        yield process, service
    finally:
        with process, suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        assert eventually(lambda: gone(service))


@pytest.fixture
def service(tmp_path):
    process = GuardedProcess(SLEEPS, folder=tmp_path, log=tmp_path / "log")
    yield process
    process.send(signal.SIGKILL)
    assert process.wait(5)


def test_service_ends_when_its_owner_is_killed(tmp_path):
    with owner(tmp_path) as (process, service):
        process.kill()
        assert eventually(lambda: gone(service), 3)


def test_service_ends_when_its_owner_exits_without_stopping_it(tmp_path):
    with owner(tmp_path) as (process, service):
        process.stdin.close()
        assert eventually(lambda: gone(service), 3)
        assert process.wait(5) == 0


def test_service_ends_though_a_forked_child_holds_the_pipe(tmp_path):
    with owner(tmp_path, "fork") as (process, service):
        process.kill()
        assert eventually(lambda: gone(service), 4)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_service_ends_when_its_guardian_is_killed(service):
    os.kill(service._guardian.pid, signal.SIGKILL)
    assert eventually(lambda: gone(service.pid), 3)
    assert not service.running


def test_service_does_not_get_the_ctrl_c_of_its_owner(tmp_path):
    with owner(tmp_path) as (process, service):
        os.killpg(process.pid, signal.SIGSTOP)  # so that the owner does not end, which would end the service
        os.killpg(process.pid, signal.SIGINT)
        assert os.getpgid(service) != process.pid
        assert not eventually(lambda: gone(service), 0.3)


def test_service_that_ignores_sigterm_is_killed_after_its_grace(tmp_path):
    log = tmp_path / "log"
    with log.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, guardian.__file__, "0.2", *STUBBORN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
        )
    with process:
        assert process.stdout.readline().startswith(b"started")
        assert eventually(lambda: log.read_text() == "deaf\n")
        process.stdin.close()
        assert process.wait(5) == 128 + signal.SIGKILL


def test_paused_service_can_be_ended(service):
    assert service.send(signal.SIGSTOP)
    assert service.send(signal.SIGTERM)
    assert service.send(signal.SIGCONT)
    assert service.wait(5)


def test_signal_to_a_service_that_has_ended_is_not_sent(service):
    assert service.send(signal.SIGKILL)
    assert service.wait(5)
    assert not service.running
    assert not service.send(signal.SIGTERM)


def test_exit_code_is_that_of_the_process(tmp_path, service):
    assert service.exit_code is None
    assert service.send(signal.SIGKILL)
    assert service.wait(5)
    assert service.exit_code == 128 + signal.SIGKILL
    failed = GuardedProcess([sys.executable, "-c", "exit(3)"], folder=tmp_path, log=tmp_path / "log")
    assert failed.wait(5)
    assert failed.exit_code == 3


def test_program_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ServiceError, match=r"no-such-program cannot be run: .*No such file"):
        GuardedProcess(["no-such-program"], folder=tmp_path, log=tmp_path / "log")
