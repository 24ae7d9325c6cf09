from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from stream_rfm.offline.orders_file import OrdersFileError, read, size

HEADER = "customer_id,order_id,ts,amount,type\n"
ROW = "c-1,o-1,2026-01-02T03:04:05Z,12.34,order\n"
DOCUMENT = {
    "customer_id": "c-1",
    "order_id": "o-1",
    "ts": "2026-01-02T03:04:05Z",
    "amount": "12.34",
    "type": "order",
}


@pytest.fixture
def write(tmp_path):
    def written(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        raw = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return written


def refusal(path: Path) -> str:
    with pytest.raises(OrdersFileError) as refused:
        list(read(path))
    said = str(refused.value)
    assert str(path) in said
    assert said.endswith(".")
    return said


@pytest.mark.parametrize("name", ["orders.csv", "orders.csv.gz", "orders"])
def test_a_csv_is_read_plain_or_gzipped(write, name):
    assert list(read(write(name, HEADER + ROW * 2))) == [DOCUMENT] * 2


@pytest.mark.parametrize("name", ["orders.jsonl", "orders.json", "orders.jsonl.gz", "orders.json.gz"])
def test_json_lines_are_read_plain_or_gzipped(write, name):
    lines = '{"customer_id": "c-1", "ts": 5}\n\n  \n{"type": "heartbeat"}\n'
    assert list(read(write(name, lines))) == [{"customer_id": "c-1", "ts": 5}, {"type": "heartbeat"}]


def test_empty_fields_of_a_csv_are_left_out_and_missing_and_surplus_ones_too(write):
    rows = "c-1,,2026-01-02,,\nc-1\nc-2,o,2026-01-02,1,order,and,more\n"
    assert list(read(write("orders.csv", HEADER + rows))) == [
        {"customer_id": "c-1", "ts": "2026-01-02"},
        {"customer_id": "c-1"},
        {"customer_id": "c-2", "order_id": "o", "ts": "2026-01-02", "amount": "1", "type": "order"},
    ]


def test_columns_may_come_in_any_order_and_more_of_them(write):
    text = "ts,currency,customer_id,color\n2026-01-02,USD,c-1,blue\n"
    assert list(read(write("orders.csv", text))) == [
        {"ts": "2026-01-02", "currency": "USD", "customer_id": "c-1", "color": "blue"}
    ]


def test_quoted_fields_may_hold_commas_and_lines(write):
    text = 'customer_id,ts\r\n"a, ""b""\nc",2026-01-02\r\n'
    assert list(read(write("orders.csv", text))) == [{"customer_id": 'a, "b"\nc', "ts": "2026-01-02"}]


@pytest.mark.parametrize("name", ["orders.csv", "orders.csv.gz"])
def test_a_byte_order_mark_as_spreadsheets_write_it_is_no_part_of_a_name(write, name):
    assert list(read(write(name, "\ufeff" + HEADER + ROW))) == [DOCUMENT]


def test_a_number_with_a_fraction_keeps_every_digit(write):
    path = write("orders.jsonl", '{"amount": 123456789012.123456, "x": 1e2, "n": 12}\n')
    assert list(read(path)) == [{"amount": "123456789012.123456", "x": "1e2", "n": 12}]


def test_a_header_alone_is_no_orders(write):
    assert list(read(write("orders.csv", HEADER))) == []
    assert list(read(write("orders.jsonl", ""))) == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", "customer_id and no column ts"),
        ("customer_id,amount\n", "ts"),
        (ROW, "customer_id and no column ts"),
    ],
)
def test_a_csv_without_its_header_is_refused(write, text, missing):
    said = refusal(write("orders.csv", text))
    assert f"has no column {missing}: its first line must be a header" in said


def test_a_file_that_does_not_exist_is_refused(tmp_path):
    assert "cannot be read: No such file or directory" in refusal(tmp_path / "orders.csv")


def test_a_folder_is_refused(tmp_path):
    assert "cannot be read: Is a directory" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["orders.csv", "orders.jsonl"])
def test_what_is_not_utf_8_is_refused(write, name):
    assert "is not UTF-8 text" in refusal(write(name, HEADER.encode() + b"\xff\xfe\n"))


def test_what_is_not_gzip_is_refused(tmp_path):
    path = tmp_path / "orders.csv.gz"
    path.write_text(HEADER)
    assert "cannot be read: Not a gzipped file" in refusal(path)


def test_a_gzip_file_that_ends_early_is_refused(tmp_path):
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress((HEADER + ROW * 100).encode())[:-20])
    assert "cannot be read: Compressed file ended before" in refusal(path)


def test_a_gzip_file_that_is_damaged_is_refused_wherever_it_is(tmp_path):
    path = tmp_path / "orders.csv.gz"
    noise = random.Random(7)
    rows = "".join(f"c-{noise.random()},o,2026-01-02,1,order\n" for _ in range(500))
    whole = gzip.compress((HEADER + rows).encode())
    for place in range(12, len(whole) - 8, 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert refusal(path)


def test_a_line_that_is_no_json_is_named(write):
    path = write("orders.jsonl", '{"ts": 1}\n\n{"ts": \n')
    assert f"Line 3 of {path} is not JSON" in refusal(path)


@pytest.mark.parametrize("line", ['{"x": NaN}', r'{"x": "\ud800"}', "[" * 100_000])
def test_what_the_stream_would_refuse_as_no_json_is_refused(write, line):
    assert "Line 1 of" in refusal(write("orders.jsonl", line + "\n"))


@pytest.mark.parametrize("line", ["[]", "1", '"text"', "null"])
def test_a_line_that_is_no_object_is_named(write, line):
    path = write("orders.jsonl", '{"ts": 1}\n' + line + "\n")
    assert refusal(path) == f"Line 2 of {path} is not a JSON object."


def test_a_field_beyond_all_measure_is_refused(write):
    path = write("orders.csv", HEADER + "x" * 200_000 + ",o,2026-01-02,1,order\n")
    assert "is not valid CSV: field larger than field limit" in refusal(path)


def test_the_size_is_that_on_disk(write, tmp_path):
    assert size(write("orders.csv", HEADER)) == len(HEADER)
    assert size(tmp_path / "nothing.csv") == 0


@pytest.mark.parametrize("behind", ["", ROW, ROW.replace("o-1", '"o-1"')])
def test_a_quote_that_is_not_closed_swallows_no_order(write, behind):
    path = write("orders.csv", HEADER.strip() + ",note\n" + ROW.strip() + ',"ACME\n' + behind)
    assert "is not valid CSV" in refusal(path)
