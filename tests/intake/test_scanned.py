"""What is compiled gives what the plain path gives: on documents all but plain, and on broken ones."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest
from fetched_runs import run
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_rfm.intake import kernels, records, scanned
from stream_rfm.intake.document import Intake
from stream_rfm.model import instant
from stream_rfm.model.order import Kind

INTAKE = Intake("EUR", instant.parse("2026-06-01T00:00:00Z"))
GOOD = {
    "type": "order",
    "customer_id": "c-1",
    "order_id": "o-1",
    "amount": "12.34",
    "currency": "EUR",
    "ts": "2026-01-02T03:04:05Z",
}
# What may stand in a field beside what stands there mostly.
ODD = {
    "type": ["refund", "cancel", "heartbeat", "x", None],
    "customer_id": ["c-2", "é", "", "c" * 65, None],
    "order_id": ["o" * 64, "o" * 65, "ö", 'a"b', "\x7f", "", None],
    "amount": [
        *(0, 12, 12.5, 0.1, -1, 1e2, 123456789.123456, 1234567890123.45, 10**12, 10**20, True, None, [1]),
        *(
            "0",
            "-1",
            "1e2",
            "999999999999.999999",
            "1000000000000",
            "0.0000005",
            ".5",
            "5.",
            "007.5",
            "",
            " 1",
            "1_0",
        ),
    ],
    "currency": [None, "USD", "eur", "", 1],
    "ts": [
        *(0, -1, 1.5, 1767323045000, 10**13, 10**14, 10**15, None, True),
        *("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678901+00:00", "2026-01-02T03:04:05+00:00"),
        *(
            "2026-01-02T03:04:05.1Z",
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:05-00:00",
            "2026-01-02T03:04:05ZT",
        ),
        *("2024-02-29T23:59:59Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-02T24:00:00Z"),
        *("1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2027-01-01T00:00:00Z", "2026-01-02 03:04:05Z"),
    ],
    "refund_id": ["r-1", None, "", "r" * 65, "é", 1],
    "attributes": [None, {}, {"a": 1, "b": None}, {"a": [1]}, {"a": 10**30}, {"a": -1.5, "b": True}, [], "x"],
    "note": [1, -0.0, "x", "é", None, True, False, [1], {"a": 1}, 1e30, 10**30],
}
JUNK = [
    b'"',
    b",",
    b":",
    b"{",
    b"}",
    b"[",
    b"0",
    b".",
    b"-",
    b"e5",
    b"\\",
    b" ",
    b"\n",
    b"\x00",
    b"\x7f",
    b"\xff",
]
JUNK += [b"null", b"true", b'"ts":1,', b'"amount":"1",', b'"order_id":"x",', b"Z", b"\xc3\xa9"]
HEADERS = [
    (),
    (("trace", b"1"),),
    (("content-type", b"application/json"),),
    (("content-type", b"application/msgpack"),),
]


@dataclass
class Record:
    value: bytes | None
    key: bytes | None = b"c-1"
    headers: tuple[tuple[str, bytes], ...] = ()
    offset: int = 0
    timestamp: int = 1_000


@st.composite
def documents(draw) -> bytes:
    fields = dict(GOOD)
    for name in draw(st.lists(st.sampled_from(list(ODD)), max_size=2)):
        fields[name] = draw(st.sampled_from(ODD[name]))
    for name in draw(st.sampled_from([[], [], [], ["type"], ["currency"], ["ts"], ["customer_id"]])):
        del fields[name]
    names = draw(st.permutations(list(fields)))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")]))
    ascii_only = draw(st.booleans())
    text = json.dumps({n: fields[n] for n in names}, separators=separators, ensure_ascii=ascii_only).encode()
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from([b"", *JUNK])) + text[place + draw(st.integers(0, 1)) :]
    return text


kafka_records = st.builds(
    Record,
    st.one_of(*[documents()] * 9, st.none()),
    st.sampled_from([b"c-1"] * 8 + [None, b"", b"c-2"]),
    st.sampled_from(HEADERS),
)


def numbered(some: list[Record]) -> list[Record]:
    return [replace(record, offset=41 + place) for place, record in enumerate(some)]


def facts(read: records.Read) -> dict[str, object]:
    batch = read.batch
    columns = ("kind", "at", "amount", "digest", "key", "order", "offset", "stamp")
    return {
        **{name: getattr(batch, name).tolist() for name in columns},
        "ids": list(batch.ids),
        "order_ids": list(batch.order_ids),
        "next": read.next_offset,
        "rejected": [
            (r.offset, r.key, r.value, tuple(r.headers), why.reason, why.detail) for r, why in read.rejected
        ],
    }


def in_columns(some: list[Record]) -> records.Read:
    return scanned.read(run(some), INTAKE, kernels.load())


@settings(max_examples=500)
@given(st.lists(kafka_records, min_size=1, max_size=6))
def test_it_gives_what_the_plain_path_gives(some):
    some = numbered(some)
    assert facts(in_columns(some)) == facts(records.read(some, INTAKE))


@pytest.mark.parametrize("name", list(ODD))
def test_every_odd_value_is_read_as_by_the_plain_path(name):
    some = numbered([Record(json.dumps({**GOOD, name: value}).encode()) for value in ODD[name]])
    assert facts(in_columns(some)) == facts(records.read(some, INTAKE))


def test_a_refund_with_an_id_of_its_own_is_named_by_both():
    [read] = [in_columns([Record(json.dumps({**GOOD, "type": "refund", "refund_id": "r-1"}).encode())])]
    assert read.batch.kind.tolist() == [Kind.REFUND]
    assert read.batch.key[0] != read.batch.order[0]


def test_the_order_of_the_topic_stays_where_some_go_the_plain_way():
    texts = [json.dumps({**GOOD, "order_id": order}).encode() for order in ("a", "ö", "b", "ü", "c")]
    read = in_columns(numbered([Record(text) for text in texts]))
    assert list(read.batch.order_ids) == ["a", "ö", "b", "ü", "c"]
    assert read.batch.offset.tolist() == [41, 42, 43, 44, 45]
