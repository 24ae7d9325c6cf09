"""What a command says when it fails: one sentence on standard error, and an exit code.

0 done, 1 failed, 2 wrong use or a wrong setting, 130 ended by Ctrl-C. What nobody expected keeps its
traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import typer
from typer.core import TyperGroup

FAILED = 1
WRONG_USE = 2
_CTRL_C = 130

#: Exceptions whose message is the sentence, with their exit codes. By name, so that no command has to wait
#: for what others import.
EXPECTED = {
    "stream_rfm.settings.SettingsError": WRONG_USE,
    "stream_rfm.model.grid.GridError": WRONG_USE,
    "stream_rfm.model.rules.RulesError": WRONG_USE,
    "stream_rfm.offline.orders_file.OrdersFileError": FAILED,
    "stream_rfm.offline.output.OutputError": FAILED,
    "stream_rfm.local.errors.ServiceError": FAILED,
    "stream_rfm.kafka.admin.KafkaUnavailableError": FAILED,
    "stream_rfm.kafka.admin.KafkaRefusesError": FAILED,
    "stream_rfm.kafka.declare.TopicsError": FAILED,
    "stream_rfm.kafka.rights.RightsError": FAILED,
    "stream_rfm.kafka.orders_writer.OrdersWriterError": FAILED,
    "stream_rfm.stream.export.ExportError": FAILED,
    "stream_rfm.table.restore.ChangelogError": FAILED,
    "stream_rfm.demo.errors.DemoError": FAILED,
    "stream_rfm.client.subscriber.SubscriptionError": FAILED,
    "stream_rfm.client.reader.UnreadableError": FAILED,
}
#: What the clients of a service raise, with the service and the setting that names it.
CLIENTS = {
    "kafka.errors.KafkaError": ("Kafka", "STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS"),
    "aiokafka.errors.KafkaError": ("Kafka", "STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS"),
    "redis.exceptions.RedisError": ("Redis", "STREAM_RFM_REDIS__URL"),
}


class Commands(TyperGroup):
    """A group of commands that fail in a sentence."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        with failing_in_a_sentence():
            return super().invoke(ctx)


def say(message: str) -> None:
    """Say something to the person at the terminal, who may have sent the output elsewhere."""
    print_anyway(message, to_stderr=True)


def print_anyway(message: str, *, to_stderr: bool = False) -> None:
    """Print, and go on where nobody reads any more: what is still to be done says the exit code."""
    try:
        typer.echo(message, err=to_stderr)
    except BrokenPipeError:
        _silence(sys.stderr if to_stderr else sys.stdout)


def _silence(stream: TextIO) -> None:
    """Have what is written from now on go nowhere; Python would write the rest when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def failing_in_a_sentence() -> Iterator[None]:
    """Turn an expected failure into its sentence and its exit code.

    Raises:
        typer.Exit: with the exit code.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        raise typer.Exit(_CTRL_C) from None
    except BrokenPipeError:
        # Whoever reads has had enough, as in `| head`.
        _silence(sys.stdout)
        raise typer.Exit(0) from None
    except Exception as error:
        its_own = hasattr(error, "exit_code")  # an exit or a usage error, which typer words itself
        found = None if its_own else _sentence(error)
        if found is None:
            raise
        say(found[1])
        raise typer.Exit(found[0]) from None


def _sentence(error: Exception) -> tuple[int, str] | None:
    """The exit code and the sentence of an expected failure."""
    for name, code in EXPECTED.items():
        if isinstance(error, _loaded(name)):
            return code, str(error)
    for name, (service, setting) in CLIENTS.items():
        if isinstance(error, _loaded(name)):
            reason = f"{type(error).__name__} {error}".strip().rstrip(".")
            return FAILED, f"{service} failed: {reason}. Does it run, and does {setting} name it?"
    return None


def _loaded(name: str) -> tuple[type[Exception], ...]:
    """The exception of a name; none where its module has not been imported, so that nobody can raise it."""
    module, _, kind = name.rpartition(".")
    return (getattr(sys.modules[module], kind),) if module in sys.modules else ()
