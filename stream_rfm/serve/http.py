"""``/metrics``, ``/live`` and ``/ready``, on the loopback interface unless the settings say more."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable

from aiohttp import web
from mode import Service
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from stream_rfm.serve.metrics import Metrics
from stream_rfm.settings import Settings, SettingsError, variable

log = logging.getLogger(__name__)


class HealthServer(Service):
    """Serves what SREs and their tools ask for. Nothing here changes state or names a customer."""

    def __init__(self, settings: Settings, metrics: Metrics, is_ready: Callable[[], bool]) -> None:
        """Prepare to serve.

        Args:
            settings: where to listen.
            metrics: what to show.
            is_ready: whether the process does its work.
        """
        super().__init__()
        self._host = settings.metrics_host
        self._port = settings.metrics_port
        self._chosen = settings.chosen("metrics_port")
        self._metrics = metrics
        self._is_ready = is_ready
        self._runner: web.AppRunner | None = None
        #: The port it listens on, once started.
        self.port: int | None = None

    async def on_start(self) -> None:
        """Begin to listen.

        Raises:
            SettingsError: somebody else has the port that was chosen, or the host is not this machine.
        """
        application = web.Application()
        application.router.add_get("/metrics", self._show_metrics)
        application.router.add_get("/live", self._show_live)
        application.router.add_get("/ready", self._show_ready)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False)
        await self._runner.setup()
        self.port = await self._listen(self._runner)
        log.info("serving metrics", extra={"url": f"http://{self._host}:{self.port}/metrics"})

    async def on_stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> int:
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            if self._chosen or error.errno != errno.EADDRINUSE:
                raise self._refusal(error) from None
            # Two workers on one machine with the default: the second takes any free port, and says so.
            log.warning("the default metrics port is taken; choosing a free one", extra={"port": self._port})
            try:
                await web.TCPSite(runner, self._host, 0).start()
            except OSError as other:
                raise self._refusal(other) from None
        port: int = runner.addresses[0][1]
        return port

    def _refusal(self, error: OSError) -> SettingsError:
        port = f"{variable('metrics_port')} {self._port} cannot be listened on"
        return SettingsError(
            f"{port} at {variable('metrics_host')} {self._host}: {error.strerror or str(error)}."
        )

    async def _show_metrics(self, _: web.Request) -> web.Response:
        body = generate_latest(self._metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _show_live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _show_ready(self, _: web.Request) -> web.Response:
        ready = self._is_ready()
        return web.json_response({"ready": ready}, status=200 if ready else 503)
