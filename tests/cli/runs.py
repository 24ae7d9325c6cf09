"""The commands, in this process where that is enough and as a process of their own where it is not."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from typer.testing import CliRunner, Result

from stream_rfm.cli.main import app

# A shell makes what it starts in the background ignore Ctrl-C, and these tests may be that.
_CODE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from stream_rfm.cli.main import main
main()
"""


def run(*arguments: object) -> Result:
    """Run a command; an exception that is no exit fails the test."""
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def answers(*arguments: object) -> Any:
    """What a command answers in JSON, when it is done."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start a command as a process, with the environment of this one."""
    return subprocess.Popen(
        [sys.executable, "-c", _CODE, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
