"""The worker process: waits for Kafka, sees to the topics, then runs the app until it is told to end."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import os
import signal
import sys
import threading
import time

import faust
from aiokafka.errors import KafkaError as ClientError
from kafka.errors import KafkaError
from tenacity import Retrying, retry_if_exception, stop_never, wait_exponential

from stream_rfm import logs
from stream_rfm.app import create_app
from stream_rfm.early_end import COMPILES
from stream_rfm.intake import kernels
from stream_rfm.kafka import connection
from stream_rfm.kafka.admin import KafkaUnavailableError, admin_client
from stream_rfm.kafka.declare import declare
from stream_rfm.kafka.group import check_group
from stream_rfm.kafka.rights import check_rights
from stream_rfm.serve.metrics import Metrics
from stream_rfm.settings import Settings, SettingsError
from stream_rfm.stream import columns
from stream_rfm.stream.faust_app import ScorerApp
from stream_rfm.table.restore import ChangelogError

log = logging.getLogger(__name__)

_SAME_SIGNAL_SECONDS = 0.5
# As of any command whose settings do not fit what is there.
_WRONG_SETTINGS = 2
# How long the event loop keeps Python where the thread that fetches wants it as well; by default it is 5 ms.
# What is fetched meanwhile is not counted before the next transaction anyway, and while a commit is waited
# for there is time (docs/decisions/0016-counting-in-turn.md).
_SWITCH_SECONDS = 0.02


class ScorerWorker(faust.Worker):
    """Faust's worker, but it keeps our logging, and a second signal ends it at once."""

    def __init__(self, app: ScorerApp, shutdown_seconds: float) -> None:
        """Run an app.

        Args:
            app: the app.
            shutdown_seconds: how long the work in hand may take once the worker is told to end.
        """
        super().__init__(app, override_logging=False, quiet=True, loglevel=None)
        self.spinner = None
        self._shutdown_seconds = shutdown_seconds
        self._told_at: float | None = None
        self._is_limited = False
        app.on_fenced = self.end

    def execute(self) -> None:
        """Run until the app has stopped.

        Raises:
            Exception: whatever the app crashed with.
        """
        self._starting_fut = asyncio.ensure_future(self.start(), loop=self.loop)
        try:
            self.loop.run_until_complete(self._starting_fut)
        except asyncio.CancelledError:
            pass  # that is how a signal ends it
        except ClientError as error:
            if self._told_at is None:
                raise
            log.warning("ended before it had begun", extra={"reason": str(error)})
        finally:
            self._starting_fut.cancel()
            self._limit_shutdown()
            self.stop_and_shutdown()

    def _on_sigint(self) -> None:
        self._on_signal(signal.SIGINT)

    def _on_sigterm(self) -> None:
        self._on_signal(signal.SIGTERM)

    def _on_sigusr1(self) -> None:
        """Show where it is, on standard error. Faust would show every variable, and so customers."""
        faulthandler.dump_traceback()
        for task in asyncio.all_tasks(self.loop):
            task.print_stack()

    def _on_sigusr2(self) -> None:
        """Go on: Faust would wait in a debugger."""

    def end(self) -> None:
        """End in good order for a reason of its own; may be called in any thread.

        Not by a signal: the one that an operator sends meanwhile would be the second.
        """
        self.loop.call_soon_threadsafe(self._begin_to_end, signal.SIGTERM)

    def _on_signal(self, number: signal.Signals) -> None:
        if self._told_at is not None:
            # Some supervisors send a signal to the process and to its group: that is one, not two.
            if time.monotonic() - self._told_at > _SAME_SIGNAL_SECONDS:
                log.warning("ending at once", extra={"signal": number.name})
                os._exit(1)
            return
        self._told_at = time.monotonic()
        log.info("ending", extra={"signal": number.name})
        self._begin_to_end(number)

    def _begin_to_end(self, number: signal.Signals) -> None:
        self._limit_shutdown()
        self._schedule_shutdown(number)

    def _limit_shutdown(self) -> None:
        """Whatever hangs must not keep the process, told to end or crashed: the state is in Kafka."""
        if not self._is_limited:
            self._is_limited = True
            timer = threading.Timer(self._shutdown_seconds, _give_up, [self])
            timer.daemon = True
            timer.start()


def run(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT, and until all work in hand is committed.

    Raises:
        SettingsError: the settings do not fit together, or not the topics or the state that are there.
        KafkaRefusesError: Kafka does not take the user's name and password; that does not pass by itself.
    """
    logs.configure(settings.log_level)
    begin_to_compile()
    app = create_app(settings)
    _prepare_topics(settings, app.metrics)
    log.info("starting", extra={"app_id": settings.app_id, "clock": settings.clock})
    # What is alive now stays; what comes are batches, and looking for cycles in them finds none.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    try:
        ScorerWorker(app, settings.shutdown_seconds).execute()
    except ChangelogError as error:
        raise SettingsError(str(error)) from None


def begin_to_compile() -> None:
    """Compile what is compiled, or load it, while Kafka and partitions are waited for.

    Orders that are there before are read without. Ends with :func:`early_end.leave_at_once_if_compiling`.
    """
    threading.Thread(target=_load_kernels, name=COMPILES, daemon=True).start()


def _load_kernels() -> None:
    try:
        kernels.load()
        columns.use_compiled()
    except ImportError as error:
        log.warning("orders are handled without compiled code, and slower", extra={"reason": str(error)})
    # What compiles is half a million objects, and a look for cycles among them would hold all else for long.
    gc.freeze()
    # From now on the event loop's thread is the one that works; the others hold Python for moments only.
    sys.setswitchinterval(_SWITCH_SECONDS)


def _prepare_topics(settings: Settings, metrics: Metrics) -> None:
    """Wait until Kafka answers, then create what is missing, and see whether all may be used."""
    for attempt in Retrying(
        retry=retry_if_exception(_passes),
        wait=wait_exponential(multiplier=0.5, max=connection.LONGEST_PAUSE),
        stop=stop_never,
        before_sleep=connection.say_waiting,
    ):
        with attempt, admin_client(settings.kafka) as admin:
            declared = declare(settings, admin)
            check_rights(settings, admin)
            check_group(settings, admin)
    for each in declared:
        if each.created:
            log.info("created a topic", extra={"topic": each.topic.name})
        if each.differences:
            log.warning(
                "a topic is not as it should be",
                extra={"topic": each.topic.name, "differences": list(each.differences)},
            )
        metrics.topic_differences.labels(each.topic.name).set(len(each.differences))
        if each.refusal:
            raise SettingsError(each.refusal)


def _passes(error: BaseException) -> bool:
    """Whether Kafka is away for now: from the start on, or since it has begun to answer."""
    return isinstance(error, KafkaUnavailableError) or (
        isinstance(error, KafkaError) and bool(error.retriable)
    )


def _give_up(worker: ScorerWorker) -> None:
    reason = {"reason": str(worker.crash_reason)} if worker.crash_reason else {}
    log.error("the work in hand did not end in time; ending without it", extra=reason)
    if isinstance(worker.crash_reason, ChangelogError):
        # It ends as it would have: who started it has to change something.
        print(worker.crash_reason, file=sys.stderr, flush=True)  # noqa: T201 - nothing else is left to say it
        os._exit(_WRONG_SETTINGS)
    os._exit(1)
