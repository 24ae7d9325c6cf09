"""kafka-python's client, which tells why it cannot be connected.

By itself it tries until the time is over, says that it was, and only logs what each try failed with. And an
answer behind which the broker closes the connection is lost where it is read together with the end: just so
a broker refuses a password.
"""

from __future__ import annotations

from typing import Any

from kafka.errors import SaslAuthenticationFailedError, UnsupportedSaslMechanismError
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

#: What does not pass when it is tried again.
REFUSALS = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError)


class TellingClient(KafkaNetClient):  # type: ignore[misc] # kafka-python has no types
    """A client for an administration client."""

    def __init__(self, **configuration: Any) -> None:
        net = NetworkSelector(**configuration)
        self._telling = _TellingManager(net, **configuration)
        super().__init__(net, self._telling, **configuration)

    @property
    def reason(self) -> Exception | None:
        """Why the last try to connect has failed; ``None`` where none has."""
        return self._telling.reason

    def give_up(self) -> None:
        """Close what was not connected in time; nobody else does, and its thread would stay."""
        self.close()
        self._net.stop()


class _TellingManager(KafkaConnectionManager):  # type: ignore[misc] # the same
    reason: Exception | None = None

    async def _connect(self, node: Any, conn: Any, *arguments: Any, **named: Any) -> None:
        await super()._connect(node, conn, *arguments, **named)
        if conn.init_future.failed():
            self.reason = conn.init_future.exception
            if isinstance(self.reason, REFUSALS):
                # As it means to do itself: the next try raises this, and there is no further one.
                self._auth_failures[node.node_id] = self.reason

    async def _build_transport(self, *arguments: Any, **named: Any) -> Any:
        transport = await super()._build_transport(*arguments, **named)
        receive = transport._sock_recv  # noqa: SLF001 - which reads until there is no more, or the end

        def received() -> tuple[bytes, Exception | None]:
            # The end comes again when it is read the next time.
            data, error = receive()
            return data, None if data else error

        transport._sock_recv = received  # noqa: SLF001 - the same
        return transport
