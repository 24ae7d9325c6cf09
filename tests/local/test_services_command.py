"""The command as a developer runs it: another process, with a data folder of its own."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from local_probes import create_topic, gone, read, write
from redis import Redis

from stream_rfm.local.ports import HOST

# A shell makes what it starts in the background ignore Ctrl-C, and these tests may be that.
CODE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from stream_rfm.cli.services import app
app()
"""
COMMAND = [sys.executable, "-c", CODE]
KAFKA, REDIS = "STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS", "STREAM_RFM_REDIS__URL"


class Services:
    """The command with a data folder, and with the variables that a shell would have."""

    def __init__(self, folder):
        self.folder = folder
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_RFM_")}
        self.environment = {**inherited, "STREAM_RFM_DATA_DIR": str(folder)}

    def __call__(self, *arguments):
        return subprocess.run(
            [*COMMAND, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @contextmanager
    def start(self, *arguments):
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def status(self):
        done = self("status", "--json")
        told = json.loads(done.stdout)
        assert told["up"] == (done.returncode == 0)
        return told

    def state(self):
        return json.loads((self.folder / "services" / "state.json").read_text())

    def pids(self):
        state = self.state()
        return [process["pid"] for process in (state["supervisor"], *state["services"].values())]


@pytest.fixture
def services(tmp_path):
    services = Services(tmp_path)
    yield services
    assert services("down").returncode == 0


def exports(output):
    """What a shell that evaluates the output would have; fails for any other line."""
    lines = [line.partition("=")[::2] for line in output.splitlines()]
    assert [name for name, _ in lines] == [f"export {KAFKA}", f"export {REDIS}"]
    return {name.removeprefix("export "): value for name, value in lines}


def test_services_in_the_background_from_up_to_purge(services):
    assert services("status").returncode == 1
    first = services("up", "--detach")
    assert first.returncode == 0, first.stderr
    exported = exports(first.stdout)
    pids = services.pids()
    create_topic(exported[KAFKA], "kept")
    write(exported[KAFKA], "kept", b"record")

    services.environment.update(exported)  # the shell evaluated what it was told
    again = services("up", "--detach")
    assert (again.returncode, exports(again.stdout)) == (0, exported)
    assert exports(services("up").stdout) == exported
    assert services.pids() == pids
    told = services.status()
    assert [service["named_in"] for service in told["services"]] == [None, None]
    assert {service["pid"] for service in told["services"]} == set(pids[1:])
    assert exports(services("status").stdout) == exported

    os.kill(pids[0], signal.SIGKILL)
    after = services("up", "--detach")  # at once: it waits for what the dead one left
    assert (after.returncode, exports(after.stdout)) == (0, exported)
    assert all(map(gone, pids))
    assert read(exported[KAFKA], "kept", 1) == [b"record"]

    pids = services.pids()
    down = services("down", "--purge")
    assert (down.returncode, down.stdout) == (0, "")
    assert all(map(gone, pids))
    assert not (services.folder / "services" / "kafka").exists()
    assert not services.status()["up"]
    assert services("down").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_services_in_the_foreground_run_until_they_are_told_to_end(services, broker, number):
    services.environment[KAFKA] = broker.bootstrap_servers  # so that only Valkey is to be started
    with services.start("up") as process:
        exported = exports(process.stdout.readline() + process.stdout.readline())
        assert exported[KAFKA] == broker.bootstrap_servers
        pids = services.pids()
        assert services.status()["up"]
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stdout.read() == ""
    assert all(map(gone, pids))
    assert broker.running


def test_services_end_when_one_of_them_dies(services, broker):
    services.environment[KAFKA] = broker.bootstrap_servers
    with services.start("up") as process:
        exports(process.stdout.readline() + process.stdout.readline())
        os.kill(services.state()["services"]["Valkey"]["pid"], signal.SIGKILL)
        assert process.wait(20) == 1
        assert "Valkey has ended by itself" in process.stderr.read()
    assert not services.status()["up"]


def test_two_at_once_start_one_pair(services, broker):
    services.environment[KAFKA] = broker.bootstrap_servers
    with services.start("up", "--detach") as one, services.start("up", "--detach") as other:
        told = [exports(process.communicate(timeout=60)[0]) for process in (one, other)]
    assert told[0] == told[1]


def test_other_services_by_name_than_those_that_run_are_an_error(services, broker):
    services.environment[KAFKA] = broker.bootstrap_servers
    assert services("up", "--detach").returncode == 0
    del services.environment[KAFKA]
    done = services("up", "--detach")
    assert (done.returncode, done.stdout) == (1, "")
    assert "stream-rfm services down" in done.stderr


def test_named_services_are_exported_and_not_started(services, broker, valkey):
    services.environment.update({KAFKA: broker.bootstrap_servers, REDIS: valkey.url})
    done = services("up")
    assert done.returncode == 0
    assert exports(done.stdout) == {KAFKA: broker.bootstrap_servers, REDIS: valkey.url}
    assert services.status()["up"]


def test_password_is_not_printed(services, broker):
    services.environment[KAFKA] = broker.bootstrap_servers
    services.environment[REDIS] = "redis://:secret@127.0.0.1:1/0"
    for arguments in (["up"], ["status"], ["status", "--json"]):
        done = services(*arguments)
        assert done.returncode == 1
        assert "secret" not in done.stdout + done.stderr


@pytest.mark.parametrize("shape", ["redis://:secret@{}/0", "redis://{}/0?password=secret"])
def test_a_url_with_a_password_is_not_exported(services, broker, valkey, shape):
    services.environment[KAFKA] = broker.bootstrap_servers
    services.environment[REDIS] = shape.format(f"{HOST}:{valkey.ports[0]}")
    with Redis.from_url(valkey.url) as known:
        known.config_set("requirepass", "secret")
        try:
            for command in ("up", "status"):
                done = services(command)
                exported = f"export {KAFKA}={broker.bootstrap_servers}\n"
                assert (done.returncode, done.stdout) == (0, exported)
                assert f"{REDIS} has a password and is not printed" in done.stderr
                assert "secret" not in done.stderr
        finally:
            known.config_set("requirepass", "")


def test_failed_start_says_why(services, broker):
    services.environment[KAFKA] = broker.bootstrap_servers
    (services.folder / "services" / "valkey").mkdir(parents=True)
    (services.folder / "services" / "valkey" / "dump.rdb").write_text("no snapshot")
    for arguments in (["up"], ["up", "--detach"]):
        done = services(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert "Valkey ended while it started" in done.stderr
        assert "Wrong signature" in done.stderr


@pytest.mark.parametrize("arguments", [["up"], ["up", "--detach"], ["status"]])
def test_a_data_folder_that_cannot_be_is_named_with_its_setting(services, broker, arguments):
    services.environment[KAFKA] = broker.bootstrap_servers
    file = services.folder / "file"
    file.write_text("no folder")
    services.environment["STREAM_RFM_DATA_DIR"] = str(file)
    done = services(*arguments)
    services.environment["STREAM_RFM_DATA_DIR"] = str(services.folder)
    assert (done.returncode, done.stdout) == (1, "")
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"The data folder {file} cannot be used: Not a directory ")
    assert said.endswith("STREAM_RFM_DATA_DIR.")
    assert "Traceback" not in done.stderr


def test_wrong_setting_is_wrong_use(services, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("app_idd = 'x'\n")
    done = services("up", "--config", str(config))
    assert (done.returncode, done.stdout) == (2, "")
    assert "app_idd is not a setting" in done.stderr


def test_unknown_option_is_wrong_use(services):
    assert services("up", "--nope").returncode == 2
