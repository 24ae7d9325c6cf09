import os
import subprocess
import sys

import pytest
from runs import run, start

import stream_rfm

COMMANDS = [
    ["produce"],
    ["replay"],
    ["watch"],
    ["lookup"],
    ["worker"],
    ["export"],
    ["demo"],
    ["topics", "create"],
    ["grid", "check"],
    ["grid", "show"],
    ["services", "up"],
    ["services", "down"],
    ["services", "status"],
]


def test_version_is_that_of_the_package():
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"stream-rfm {stream_rfm.__version__}\n")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_and_takes_a_config(command):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "--config" in result.stdout


@pytest.mark.parametrize(
    "command", [["watch"], ["topics", "create"], ["grid", "show", "classic-5"]], ids=" ".join
)
def test_config_that_is_wrong_is_wrong_use(command, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("windw_days = 3\n")
    result = run(*command, "--config", config)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "windw_days is not a setting of stream-rfm; did you mean window_days?\n"


@pytest.mark.parametrize("arguments", [["nope"], ["watch", "--nope"], ["watch", "--count", "0"], ["lookup"]])
def test_wrong_use_exits_with_2(arguments):
    assert run(*arguments).exit_code == 2


def test_help_waits_for_nothing_heavy():
    code = """
import sys
from typer.testing import CliRunner
from stream_rfm.cli.main import app
assert CliRunner().invoke(app, ["--help"]).exit_code == 0
print({"kafka", "aiokafka", "faust", "numpy", "redis", "msgpack"} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_closed_pipe_ends_it_without_a_word():
    with start("grid", "show", "classic-5", "--json") as process:
        process.stdout.close()
        assert process.wait(20) == 0
        assert process.stderr.read() == ""


def test_unexpected_error_is_said_and_waits_for_nothing_that_is_compiled():
    script = """
import threading, time
from stream_rfm.cli import main as module
from stream_rfm.early_end import COMPILES
threading.Thread(target=time.sleep, args=(100,), name=COMPILES).start()
module.app = lambda: 1 / 0
module.main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_command_that_ends_while_something_is_compiled_has_its_exit_code(tmp_path):
    script = """
import sys, time
from stream_rfm.cli.main import main
from stream_rfm.worker import begin_to_compile
begin_to_compile()
time.sleep(2)
sys.argv = ["stream-rfm", *sys.argv[1:]]
main()
"""
    # Where nothing is kept yet it takes half a minute to compile.
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    for arguments, code in ((["--version"], 0), (["no-such-command"], 2)):
        ended = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (ended.returncode, "LLVM" in ended.stderr, "dyn_cast" in ended.stderr) == (code, False, False)
        assert ("stream-rfm" in ended.stdout) == (code == 0)
