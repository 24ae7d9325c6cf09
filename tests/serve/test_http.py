import json
import socket

import aiohttp
import pytest

from stream_rfm.serve.http import HealthServer
from stream_rfm.serve.metrics import Metrics
from stream_rfm.settings import SettingsError


@pytest.fixture
async def serve(deployment):
    started = []

    async def served(is_ready=lambda: True, **settings):
        server = HealthServer(deployment.settings_with(**settings), Metrics(), is_ready)
        started.append(server)
        await server.start()
        return server

    yield served
    for server in started:
        await server.stop()


async def ask(server, path, method="GET"):
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://127.0.0.1:{server.port}{path}") as answer,
    ):
        return answer.status, answer.content_type, await answer.text()


async def test_it_lives_and_is_ready_when_it_says_so(serve):
    ready = []
    server = await serve(lambda: bool(ready))
    assert await ask(server, "/live") == (200, "application/json", '{"live": true}')
    assert await ask(server, "/ready") == (503, "application/json", '{"ready": false}')
    ready.append(True)
    status, _, body = await ask(server, "/ready")
    assert (status, json.loads(body)) == (200, {"ready": True})


async def test_metrics_are_text_for_prometheus(serve):
    status, kind, body = await ask(await serve(), "/metrics")
    assert (status, kind) == (200, "text/plain")
    assert "# TYPE stream_rfm_commits_total counter" in body


async def test_there_is_nothing_else_and_nothing_to_change(serve):
    server = await serve()
    assert (await ask(server, "/"))[0] == 404
    assert (await ask(server, "/metrics", "POST"))[0] == 405
    assert (await ask(server, "/table/customers/"))[0] == 404


@pytest.fixture
def taken():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


async def test_port_that_was_chosen_and_is_taken_is_said(serve, taken):
    with pytest.raises(SettingsError, match=f"STREAM_RFM_METRICS_PORT {taken} cannot be listened on at "):
        await serve(metrics_port=taken)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_host_that_is_another_machine_is_said_also_with_the_default_port(deployment, monkeypatch, host):
    monkeypatch.delenv("STREAM_RFM_METRICS_PORT")
    settings = deployment.settings_with(metrics_host=host)
    assert not settings.chosen("metrics_port")
    server = HealthServer(settings, Metrics(), lambda: True)
    try:
        with pytest.raises(
            SettingsError, match=f"STREAM_RFM_METRICS_PORT 9464 .*STREAM_RFM_METRICS_HOST {host}: "
        ):
            await server.start()
    finally:
        await server.stop()


async def test_default_port_that_is_taken_is_replaced(deployment, monkeypatch, taken, caplog):
    monkeypatch.delenv("STREAM_RFM_METRICS_PORT")
    settings = deployment.settings.model_copy(update={"metrics_port": taken})
    assert not settings.chosen("metrics_port")
    server = HealthServer(settings, Metrics(), lambda: True)
    await server.start()
    try:
        assert server.port not in {taken, 0, None}
        assert (await ask(server, "/live"))[0] == 200
        assert "the default metrics port is taken" in caplog.text
    finally:
        await server.stop()
