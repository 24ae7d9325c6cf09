import json

from fetched_runs import run
from test_scanned import GOOD, INTAKE, Record, facts, numbered

from stream_rfm.intake import decoding, kernels, records


def test_records_in_columns_are_read_as_records_one_by_one(monkeypatch):
    some = numbered([Record(json.dumps(GOOD).encode()), Record(b"{")])
    found = run(some)
    plain = facts(records.read(some, INTAKE))
    assert facts(decoding.decode(found, INTAKE)) == facts(decoding.decode(some, INTAKE)) == plain
    monkeypatch.setattr(kernels._Shelf, "kernels", None)
    assert facts(decoding.decode(found, INTAKE)) == plain
