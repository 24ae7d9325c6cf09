"""Offsets committed with the group's generation, so that a zombie's transaction fails as a whole (KIP-447).

aiokafka speaks version 0 of TxnOffsetCommit, which knows no members; this is version 3, on its protocol
classes. Field order and types: the message definitions of Apache Kafka, ``TxnOffsetCommitRequest.json``.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from aiokafka import errors
from aiokafka.client import CoordinationType
from aiokafka.producer.sender import Sender, TxnOffsetCommitHandler
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

from stream_rfm.stream.sent_once import AddOffsetsOnce, AddPartitionsOnce, EndOnce, SentOnce


@dataclass(frozen=True, slots=True)
class Membership:
    """Who commits: a member of the consumer group in one of its generations."""

    generation: int = -1
    member_id: str = ""
    instance_id: str | None = None


class FencedMemberError(errors.KafkaError):
    """Somebody else owns the partitions by now."""


# ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID and FENCED_INSTANCE_ID; aiokafka has no class for the last.
_FENCED_CODES = frozenset({22, 25, 82})

_TEXT = CompactString("utf-8")
_TAGS = ("tags", TaggedFields)


class TxnOffsetCommitResponse_v3(Response):  # noqa: N801 - as aiokafka names protocol classes
    """The answer, an error code for each partition."""

    API_KEY = 28
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "errors",
            CompactArray(
                ("topic", _TEXT),
                ("partition_errors", CompactArray(("partition", Int32), ("error_code", Int16), _TAGS)),
                _TAGS,
            ),
        ),
        _TAGS,
    )


class TxnOffsetCommitRequest_v3(RequestStruct):  # noqa: N801 - as aiokafka names protocol classes
    """Offsets to be committed with a transaction, by a member of the group."""

    API_KEY = 28
    API_VERSION = 3
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = TxnOffsetCommitResponse_v3
    SCHEMA = Schema(
        ("transactional_id", _TEXT),
        ("group_id", _TEXT),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("generation_id", Int32),
        ("member_id", _TEXT),
        ("group_instance_id", _TEXT),
        (
            "topics",
            CompactArray(
                ("topic", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", _TEXT),
                        _TAGS,
                    ),
                ),
                _TAGS,
            ),
        ),
        _TAGS,
    )


class FencedOffsetCommit(Request[TxnOffsetCommitRequest_v3]):
    """Builds the request; there is one version of it."""

    API_KEY = 28

    def __init__(self, *fields: Any) -> None:
        self._fields = fields

    def build(self, request_struct_class: type[TxnOffsetCommitRequest_v3]) -> TxnOffsetCommitRequest_v3:
        """The request as it goes over the wire."""
        return request_struct_class(*self._fields)


class FencedOffsetCommitHandler(SentOnce, TxnOffsetCommitHandler):
    """Sends the offsets in the name of the current member."""

    def __init__(self, sender: FencedSender, offsets: Any, group_id: str) -> None:
        super().__init__(sender, offsets, group_id)
        self._membership = sender.membership

    def create_request(self) -> FencedOffsetCommit:
        """The request, with the group's generation."""
        transaction = self._sender._txn_manager  # noqa: SLF001 - aiokafka keeps it there
        topics: defaultdict[str, list[Any]] = defaultdict(list)
        for partition, offset in sorted(self._offsets.items()):
            topics[partition.topic].append((partition.partition, offset.offset, -1, offset.metadata, {}))
        return FencedOffsetCommit(
            transaction.transactional_id,
            self._group_id,
            transaction.producer_id,
            transaction.producer_epoch,
            self._membership.generation,
            self._membership.member_id,
            self._membership.instance_id,
            [(topic, partitions, {}) for topic, partitions in topics.items()],
            {},
        )

    def handle_response(self, response: Any) -> float | None:
        """Give the transaction up where this member is fenced; else as aiokafka does."""
        plain = [
            (topic, [(partition, code) for partition, code, _ in partitions])
            for topic, partitions, _ in response.errors
        ]
        for _, partitions in plain:
            for _, code in partitions:
                if code in _FENCED_CODES:
                    fenced = FencedMemberError(f"error {code} for {self._membership}")
                    self._sender._txn_manager.error_transaction(fenced)  # noqa: SLF001 - see above
                    return None
        backoff: float | None = super().handle_response(_PlainResponse(plain))
        return backoff


@dataclass(frozen=True, slots=True)
class _PlainResponse:
    """The answer in the shape of version 0, which aiokafka's handler reads."""

    errors: list[tuple[str, list[tuple[int, int]]]]


class FencedSender(Sender):
    """aiokafka's sender, but for how offsets and batches go out, and for what is never sent again."""

    membership = Membership()
    #: The group whose offsets will follow, where Kafka is to be told before they do.
    group_ahead: str | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # Set when it was tried to tell Kafka of partitions.
        self._told = asyncio.Event()

    def _maybe_do_transactional_request(self) -> Any:
        task = super()._maybe_do_transactional_request()
        group, manager = self.group_ahead, self._txn_manager
        if task is not None or group is None:
            return task
        self.group_ahead = None
        if not manager.is_in_transaction() or manager._txn_consumer_group is not None:  # noqa: SLF001 - see above
            return None
        return asyncio.create_task(self._do_add_offsets_to_txn(group))

    async def until_added(self) -> None:
        """Wait until Kafka has been told of all partitions that the transaction touches.

        Raises:
            IllegalOperation: there is no transaction any more.
        """
        while self._txn_manager.is_in_transaction() and self._txn_manager.partitions_to_add():
            self._told.clear()
            await self._told.wait()
        if not self._txn_manager.is_in_transaction():
            raise errors.IllegalOperation("the transaction has failed")

    async def _do_add_partitions_to_txn(self, tps: Any) -> bool:
        try:
            node = await self._coordinator_of_transactions()
            return await AddPartitionsOnce(self, tps).do(node)
        finally:
            self._told.set()

    async def _do_add_offsets_to_txn(self, group_id: str) -> bool:
        node = await self._coordinator_of_transactions()
        return await AddOffsetsOnce(self, group_id).do(node)

    async def _do_txn_offset_commit(self, offsets: Any, group_id: str) -> None:
        if not offsets:
            return
        try:
            node = await self._find_coordinator(CoordinationType.GROUP, group_id)
        except errors.GroupAuthorizationFailedError as error:
            self._txn_manager.error_transaction(error)
            return
        await FencedOffsetCommitHandler(self, offsets, group_id).do(node)

    async def _do_txn_commit(self, commit_result: Any) -> None:
        await self._message_accumulator.flush_for_commit()
        if self._txn_manager.is_empty_transaction():
            self._txn_manager.complete_transaction()
            return
        node = await self._coordinator_of_transactions()
        await EndOnce(self, commit_result).do(node)

    async def _coordinator_of_transactions(self) -> int:
        node: int = await self._find_coordinator(
            CoordinationType.TRANSACTION, self._txn_manager.transactional_id
        )
        return node
