from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import pytest
from events import DAY, START, UNIT
from fetched_runs import run
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_scanned import GOOD

from stream_rfm.intake import decoding
from stream_rfm.intake import records as plain
from stream_rfm.intake.document import Intake
from stream_rfm.intake.records import Read
from stream_rfm.model.order import Reason

INTAKE = Intake("EUR", START + 30 * DAY)
# All that is promised holds for records one by one and for records in columns.
WAYS = {
    "one by one": plain.read,
    "in columns": lambda records, intake: decoding.decode(run(records), intake),
}
read = plain.read


@pytest.fixture(params=WAYS, autouse=True, scope="module")
def _each_way(request):
    globals()["read"] = WAYS[request.param]


MESSAGEPACK = [("content-type", b"application/msgpack")]


@dataclass
class Record:
    value: bytes | None
    key: bytes | None = b"c-1"
    headers: Sequence[tuple[str, bytes]] = ()
    offset: int = 7
    timestamp: int = 1_000


@dataclass
class Topic:
    """Records at successive places."""

    values: list[Record] = field(default_factory=list)

    def records(self) -> list[Record]:
        for offset, record in enumerate(self.values):
            record.offset = offset
        return self.values


def json_of(**fields) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


def messagepack_of(**fields) -> bytes:
    return msgspec.msgpack.encode({**GOOD, **fields})


def raw(amount: str) -> bytes:
    """With a number that json.dumps would not write."""
    return json_of(amount="@").replace(b'"@"', amount.encode())


def reason(record: Record) -> Reason:
    found = read([record], INTAKE)
    assert len(found.batch) == 0
    [(refused, rejected)] = found.rejected
    assert (refused.key, refused.value) == (record.key, record.value)
    return rejected.reason


def amount(record: Record) -> int:
    found = read([record], INTAKE)
    assert not found.rejected
    return int(found.batch.amount[0])


def test_a_run_of_records_is_read_in_order():
    records = Topic([Record(json_of(order_id=f"o-{number}")) for number in range(3)]).records()
    found = read(records, INTAKE)
    assert list(found.batch.order_ids) == ["o-0", "o-1", "o-2"]
    assert found.batch.offset.tolist() == [0, 1, 2]
    assert found.batch.stamp.tolist() == [1_000] * 3
    assert (found.rejected, found.next_offset) == ([], 3)


def test_a_bad_record_does_not_keep_the_others():
    bad = Record(b"not json")
    found = read(Topic([Record(json_of()), bad, Record(json_of())]).records(), INTAKE)
    assert found.batch.offset.tolist() == [0, 2]
    assert [(record.value, rejected.reason) for record, rejected in found.rejected] == [
        (bad.value, Reason.INVALID_DOCUMENT)
    ]
    assert found.next_offset == 3


def test_the_next_place_is_behind_a_bad_record_too():
    assert read([Record(None, offset=41)], INTAKE).next_offset == 42


def test_messagepack_is_read_where_the_header_says_so():
    assert amount(Record(messagepack_of(), headers=MESSAGEPACK)) == 12_340_000
    assert amount(Record(messagepack_of(ts=START // 1000, amount=5), headers=MESSAGEPACK)) == 5 * UNIT


def test_json_and_messagepack_may_stand_side_by_side():
    found = read([Record(json_of()), Record(messagepack_of(), headers=MESSAGEPACK)], INTAKE)
    assert found.batch.amount.tolist() == [12_340_000] * 2


@pytest.mark.parametrize("headers", [[("content-type", b"application/json")], [("trace", b"1")], None, []])
def test_without_that_header_a_record_is_json(headers):
    assert amount(Record(json_of(), headers=headers)) == 12_340_000
    assert reason(Record(messagepack_of(), headers=headers)) in {Reason.INVALID_DOCUMENT, Reason.WRONG_TYPE}


def test_json_under_the_header_of_messagepack_is_refused():
    assert reason(Record(json_of(), headers=MESSAGEPACK)) in {Reason.INVALID_DOCUMENT, Reason.WRONG_TYPE}


def test_a_tombstone():
    assert reason(Record(None)) is Reason.TOMBSTONE
    assert reason(Record(None, headers=MESSAGEPACK)) is Reason.TOMBSTONE


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"not json",
        b"{",
        b'{"customer_id": "c-1"',
        json_of() + b"x",
        b"\xff\xfe",
        json_of().replace(b"o-1", b"o-\xff"),
        json_of().replace(b"o-1", rb"\ud800"),
        json_of().replace(b"o-1", rb"\udc00x"),
        raw("NaN"),
        raw("Infinity"),
        raw("0x10"),
        raw("01"),
        b"x" * 900_000,
        b'{"x":' * 50_000,
        json_of()[:-1] + b',"x":' + b"[" * 100_000,
        "{}".encode("utf-16"),
    ],
)
def test_what_is_no_json(value):
    assert reason(Record(value)) is Reason.INVALID_DOCUMENT


@pytest.mark.parametrize(
    "value", [b"", b"\xc1", b"\x81", messagepack_of()[:-1], messagepack_of() + b"\x00", b"\xa1\xff"]
)
def test_what_is_no_messagepack(value):
    assert reason(Record(value, headers=MESSAGEPACK)) in {Reason.INVALID_DOCUMENT, Reason.WRONG_TYPE}


@pytest.mark.parametrize("value", [b"[]", b"1", b"null", b'"text"', b"true", b"[" * 100_000])
def test_what_is_no_object(value):
    assert reason(Record(value)) in {Reason.WRONG_TYPE, Reason.INVALID_DOCUMENT}


@pytest.mark.parametrize(
    "fields",
    [
        {"type": None},
        {"type": 1},
        {"customer_id": 1},
        {"order_id": ["o"]},
        {"amount": True},
        {"amount": [1]},
        {"amount": {}},
        {"ts": True},
        {"ts": 1.5},
        {"currency": 978},
        {"refund_id": 1},
        {"attributes": "blue"},
        {"attributes": {"nested": {"deep": 1}}},
        {"attributes": {"list": [1]}},
    ],
)
def test_a_field_of_the_wrong_type(fields):
    assert reason(Record(json_of(**fields))) is Reason.WRONG_TYPE
    assert reason(Record(messagepack_of(**fields), headers=MESSAGEPACK)) is Reason.WRONG_TYPE


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"customer_id": None}, Reason.MISSING_FIELD),
        ({"ts": None}, Reason.MISSING_FIELD),
        ({"type": "purchase"}, Reason.UNKNOWN_TYPE),
        ({"order_id": "x" * 10_000}, Reason.INVALID_ID),
        ({"customer_id": "c-2"}, Reason.KEY_MISMATCH),
        ({"currency": "XXX"}, Reason.UNKNOWN_CURRENCY),
        ({"ts": "garbage"}, Reason.INVALID_TIME),
        ({"ts": -1}, Reason.INVALID_TIME),
        ({"ts": 10**30}, Reason.INVALID_TIME),
        ({"ts": "2999-01-01T00:00:00Z"}, Reason.FUTURE_TIME),
        ({"amount": "1e999999"}, Reason.INVALID_AMOUNT),
        ({"amount": ""}, Reason.INVALID_AMOUNT),
    ],
)
def test_a_document_that_breaks_a_rule(fields, refused):
    assert reason(Record(json_of(**fields))) is refused


def test_a_record_without_a_key():
    assert reason(Record(json_of(), key=None)) is Reason.KEY_MISSING


@pytest.mark.parametrize(
    "said",
    ["1e400", "-1", "-1e-6", "1" * 30, "1000000000001", "1e13", "-1e400", "123456789012345678901234567890.5"],
)
def test_a_number_that_is_no_amount(said):
    assert reason(Record(raw(said))) is Reason.INVALID_AMOUNT


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_a_number_of_messagepack_that_is_no_amount(number):
    assert reason(Record(messagepack_of(amount=number), headers=MESSAGEPACK)) is Reason.INVALID_AMOUNT


def test_an_attribute_that_is_out_of_range_is_no_fault_of_the_amount():
    value = json_of(attributes={"x": "@"}).replace(b'"@"', b"1e400")
    assert reason(Record(value)) is Reason.WRONG_TYPE


@pytest.mark.parametrize(
    ("said", "millionths"),
    [
        ("12", 12 * UNIT),
        ("0.1", 100_000),
        ("1E2", 100 * UNIT),
        ("-0.0", 0),
        ("123456789012.123456", 123_456_789_012_123_456),
        ("999999999999.999999", 999_999_999_999_999_999),
        ("0.1000000000000000055511151231257827", 100_000),
    ],
)
def test_a_number_is_read_to_its_last_digit(said, millionths):
    assert amount(Record(raw(said))) == millionths


def test_unknown_fields_are_ignored():
    value = json_of(color="blue", nested={"deep": [1, {"er": None}]}, attributes={"a": 1, "b": None})
    assert amount(Record(value)) == 12_340_000


def test_a_large_record_is_read_as_any_other():
    assert amount(Record(json_of(attributes={"note": "x" * 900_000}))) == 12_340_000


def test_a_heartbeat_needs_no_key():
    found = read([Record(b'{"type":"heartbeat","ts":"2026-01-01T00:00:00Z"}', key=None)], INTAKE)
    assert (list(found.batch.ids), found.batch.at.tolist()) == ([b""], [START])


def check(records: list[Record]) -> Read:
    found = read(records, INTAKE)
    refused = [record.offset for record, _ in found.rejected]
    assert sorted([*found.batch.offset.tolist(), *refused]) == [record.offset for record in records]
    assert found.next_offset == records[-1].offset + 1
    for _, rejected in found.rejected:
        assert isinstance(rejected.reason, Reason)
        assert len(rejected.detail) < 200
    return found


headers = st.sampled_from([(), None, MESSAGEPACK, [("content-type", b"")]])
anything = (
    st.none()
    | st.binary(max_size=30)
    | st.text(max_size=20).map(str.encode)
    | st.recursive(st.none() | st.floats() | st.text(max_size=3), st.lists, max_leaves=4).map(
        lambda value: json.dumps(value).encode()
    )
    | st.dictionaries(
        st.sampled_from(list(GOOD)), st.none() | st.integers() | st.floats() | st.text(max_size=3), max_size=4
    ).map(lambda fields: json_of(**fields))
    | st.dictionaries(
        st.sampled_from(list(GOOD)), st.none() | st.integers(-(2**63), 2**63) | st.floats(), max_size=4
    ).map(lambda fields: messagepack_of(**fields))
)
records = st.builds(Record, anything, st.sampled_from([b"c-1", None, b"", b"\xff"]), headers)


@settings(max_examples=300)
@given(st.lists(records, min_size=1, max_size=4))
@example([Record(b"\xa0", headers=MESSAGEPACK)])
def test_whatever_records_hold_none_raises_and_none_is_lost(some):
    check(Topic(some).records())


@given(
    st.integers(0, len(json_of()) - 1),
    st.integers(0, 255),
    st.booleans(),
    st.sampled_from([json_of, messagepack_of]),
)
def test_a_good_record_with_one_byte_changed_does_not_raise(place, byte, insert, write):
    value = write()
    place %= len(value)
    changed = value[:place] + bytes([byte]) + value[place + (not insert) :]
    check([Record(changed, headers=MESSAGEPACK if write is messagepack_of else ())])


@given(st.lists(records, min_size=2, max_size=5))
def test_records_are_read_together_as_they_are_alone(some):
    some = Topic(some).records()
    together = check(some)
    alone = [read([record], INTAKE) for record in some]
    for name in ("kind", "at", "amount", "key", "order", "offset"):
        each = [getattr(one.batch, name).tolist() for one in alone]
        assert getattr(together.batch, name).tolist() == [value for values in each for value in values]
    assert sorted((r.offset, why.reason) for r, why in together.rejected) == [
        (r.offset, why.reason) for one in alone for r, why in one.rejected
    ]
