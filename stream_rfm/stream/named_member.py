"""A member of the group that keeps its name, and with it its partitions, while its process is exchanged.

That is Kafka's static membership (KIP-345). aiokafka joins under a name (``group.instance.id``), but its
heartbeats do not say it: a worker whose name has gone to another process would hear that it is unknown,
join again, and take the name back, and so on for ever. Here heartbeats are of version 3, which says it, and
who hears that the name is another's ends (``docs/decisions/0013-static-membership.md``).

Nor does a member give up here. aiokafka keeps what the group refuses until somebody asks it for records, and
is no member meanwhile; nobody does, as records are fetched otherwise.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiokafka import errors
from aiokafka.consumer import consumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.api import Request, RequestStruct
from aiokafka.protocol.group import HeartbeatRequest, HeartbeatResponse_v1
from aiokafka.protocol.types import Int32, Schema, String

log = logging.getLogger(__name__)

# After the group has refused something, before it is asked again.
_PAUSE_SECONDS = 1.0

#: FENCED_INSTANCE_ID; aiokafka has no class for it.
FENCED_INSTANCE_ID = 82


class HeartbeatResponse_v3(HeartbeatResponse_v1):  # noqa: N801 - as aiokafka names protocol classes
    """The answer, as it was before."""

    API_VERSION = 3


class HeartbeatRequest_v3(RequestStruct):  # noqa: N801 - as aiokafka names protocol classes
    """A sign of life that says the name."""

    API_KEY = 12
    API_VERSION = 3
    RESPONSE_TYPE = HeartbeatResponse_v3
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("generation_id", Int32),
        ("member_id", String("utf-8")),
        ("group_instance_id", String("utf-8")),
    )


class NamedHeartbeat(Request[HeartbeatRequest_v3]):
    """Builds the request; there is one version of it."""

    API_KEY = 12

    def __init__(self, *fields: Any) -> None:
        self._fields = fields

    def build(self, request_struct_class: type[HeartbeatRequest_v3]) -> HeartbeatRequest_v3:
        """The request as it goes over the wire."""
        return request_struct_class(*self._fields)


class NamedMember(GroupCoordinator):
    """aiokafka's coordinator of a group, but it says its name, ends when that is another's, else goes on."""

    #: What to do when the name has gone to another process; called in the consumer's thread.
    on_fenced: Callable[[], None]

    async def _send_req(self, request: Any) -> Any:
        if isinstance(request, HeartbeatRequest) and self._group_instance_id is not None:
            request = NamedHeartbeat(self.group_id, self.generation, self.member_id, self._group_instance_id)
        response = await super()._send_req(request)
        if getattr(response, "error_code", 0) == FENCED_INSTANCE_ID:
            log.warning(
                "another process has joined under this worker's name; ending",
                extra={"instance_id": self._group_instance_id},
            )
            self.on_fenced()
            # Joining again would take the name back: nothing more, until the worker has ended.
            await asyncio.wait([self._closing])
            raise errors.KafkaError("another process has joined under this name")
        return response

    async def _push_error_to_user(self, error: BaseException) -> None:
        """Join again after a while, instead of waiting until somebody has taken the error."""
        if not self._closing.done():
            log.warning("the group refuses this worker; joining again", extra={"reason": str(error)})
            await asyncio.wait([self._closing], timeout=_PAUSE_SECONDS)
            self.request_rejoin()

    async def _coordination_routine(self) -> None:
        """Begin anew after what nobody expects: without it no partition would be had, or left, any more."""
        while not self._closing.done():
            try:
                await super()._coordination_routine()
            except errors.KafkaError as error:
                await self._push_error_to_user(error)


def say_names(on_fenced: Callable[[], None]) -> None:
    """Have all members of groups in this process say their names from now on.

    Args:
        on_fenced: called, in a consumer's thread, when a name has gone to another process.
    """

    class Member(NamedMember):
        pass

    Member.on_fenced = staticmethod(on_fenced)
    consumer.GroupCoordinator = Member
