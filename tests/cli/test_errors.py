import importlib
import os
import subprocess
import sys

import aiokafka.errors
import kafka.errors
import pytest
import redis
import typer
from typer.testing import CliRunner

from stream_rfm.cli.errors import CLIENTS, EXPECTED, Commands


def exception(name):
    module, _, kind = name.rpartition(".")
    return getattr(importlib.import_module(module), kind)


def fail(error):
    app = typer.Typer(cls=Commands)

    @app.command()
    def command():
        typer.echo("so far")
        raise error

    @app.command()
    def other():
        pass

    return CliRunner().invoke(app, ["command"])


@pytest.mark.parametrize(("name", "code"), EXPECTED.items())
def test_expected_failures_are_a_sentence(name, code):
    result = fail(exception(name)("Such a thing."))
    assert (result.exit_code, result.stdout, result.stderr) == (code, "so far\n", "Such a thing.\n")


@pytest.mark.parametrize("name", ["settings.SettingsError", "model.grid.GridError", "model.rules.RulesError"])
def test_wrong_settings_are_wrong_use(name):
    assert fail(exception(f"stream_rfm.{name}")("Such a thing.")).exit_code == 2


def test_clients_errors_are_known_by_the_names_that_they_have():
    assert set(map(exception, CLIENTS)) == {
        kafka.errors.KafkaError,
        aiokafka.errors.KafkaError,
        redis.RedisError,
    }


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (kafka.errors.KafkaTimeoutError("late"), "Kafka failed: KafkaTimeoutError"),
        (aiokafka.errors.KafkaConnectionError("gone"), "Kafka failed: KafkaConnectionError"),
        (redis.ConnectionError("gone"), "Redis failed: ConnectionError gone."),
    ],
)
def test_services_that_fail_are_named_with_their_setting(error, said):
    result = fail(error)
    assert result.exit_code == 1
    assert result.stderr.startswith(said)
    assert "STREAM_RFM_" in result.stderr
    assert result.stderr.count("\n") == 1


def test_ctrl_c_is_130_without_a_word():
    result = fail(KeyboardInterrupt())
    assert (result.exit_code, result.stderr) == (130, "")


def test_exits_and_usage_errors_stay_what_they_are():
    assert fail(typer.Exit(7)).exit_code == 7
    assert fail(typer.BadParameter("so not")).exit_code == 2


def test_what_nobody_expected_keeps_its_traceback():
    assert isinstance(fail(ZeroDivisionError()).exception, ZeroDivisionError)


@pytest.mark.parametrize("to_stderr", [False, True])
def test_what_goes_on_where_nobody_reads_ends_as_it_would(to_stderr):
    code = f"""
import sys
from stream_rfm.cli.errors import failing_in_a_sentence, print_anyway
with failing_in_a_sentence():
    for _ in range(3):
        print_anyway("x" * 100_000, to_stderr={to_stderr})
    sys.exit(3)
"""
    gone, kept = os.pipe()
    os.close(gone)
    streams = {"stderr" if to_stderr else "stdout": kept}
    try:
        assert subprocess.run([sys.executable, "-c", code], check=False, **streams).returncode == 3
    finally:
        os.close(kept)
