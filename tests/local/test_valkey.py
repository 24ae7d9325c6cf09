import msgpack
import psutil
import pytest
from broker import eventually
from local_probes import gone, taken
from redis import Redis
from redis import TimeoutError as RedisTimeoutError

from stream_rfm.local.errors import PortTakenError, ServiceError
from stream_rfm.local.valkey import ValkeyServer


def test_lua_scripts_know_messagepack(valkey):
    with Redis.from_url(valkey.url) as client:
        packed = client.eval("return cmsgpack.pack({segment = ARGV[1]})", 0, "loyal")
        assert msgpack.unpackb(packed) == {"segment": "loyal"}
        assert client.eval("return cmsgpack.unpack(ARGV[1])[2]", 0, msgpack.packb([1, 2])) == 2


def test_server_that_saves_nothing_forgets_everything(valkey):
    with Redis.from_url(valkey.url) as client:
        client.set("key", "value")
        pid = valkey.pid
        valkey.restart()
        assert gone(pid)
        assert client.get("key") is None


def test_server_that_saves_remembers(tmp_path):
    with ValkeyServer(tmp_path, save="60 1") as server, Redis.from_url(server.url) as client:
        client.set("key", "value")
        server.restart()
        assert client.get("key") == b"value"


def test_killed_server_starts_on_the_same_port(valkey):
    url = valkey.url
    valkey.kill()
    valkey.start()
    assert valkey.url == url


def test_paused_server_answers_when_it_is_resumed(valkey):
    valkey.pause()
    try:
        assert psutil.Process(valkey.pid).status() == psutil.STATUS_STOPPED
        with pytest.raises(RedisTimeoutError), Redis.from_url(valkey.url, socket_timeout=0.1) as client:
            client.ping()
    finally:
        valkey.resume()
    assert eventually(valkey._answers)


def test_named_port_of_somebody_else_is_an_error(tmp_path):
    with taken() as port, pytest.raises(PortTakenError, match=f"Valkey cannot listen on 127.0.0.1:{port}"):
        ValkeyServer(tmp_path, port=port).start()


def test_chosen_port_that_was_taken_meanwhile_is_replaced(tmp_path, monkeypatch, valkey):
    server = ValkeyServer(tmp_path)
    server._port = valkey.ports[0]  # another Valkey, which would answer in its place
    monkeypatch.setattr("stream_rfm.local.service.is_free", lambda _: True)
    with server:
        assert server.ports != valkey.ports
        assert server._answers()


def test_wrong_setting_is_shown_from_the_log(tmp_path):
    with pytest.raises(ServiceError, match=r"(?s)Valkey ended while it started.*Invalid save parameters"):
        ValkeyServer(tmp_path, save="never").start()
