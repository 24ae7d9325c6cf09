import errno
from pathlib import Path

import pytest

from stream_rfm.offline.output import OutputError, check, written


def refused(path):
    with pytest.raises(OutputError) as failure:
        check(path)
    return str(failure.value)


def test_what_can_be_written_is_left_as_it_is(tmp_path):
    check(tmp_path / "new" / "out.csv")
    there = tmp_path / "there.csv"
    there.write_text("as it was")
    check(there)
    check(Path("/dev/null"))
    assert list((tmp_path / "new").iterdir()) == []
    assert there.read_text() == "as it was"


def test_what_cannot_be_written_is_named_with_what_is_in_the_way(tmp_path):
    file = tmp_path / "file"
    file.write_text("no folder")
    out = file / "deep" / "out.csv"
    assert refused(out).startswith(f"{out} cannot be written: Not a directory")
    assert str(file) in refused(file / "out.csv")


def test_a_disk_that_is_full_is_said_with_the_file_though_it_names_none():
    with pytest.raises(OutputError, match=r"^out\.csv cannot be written: No space left on device\. Choose"):
        with_a_full_disk(Path("out.csv"))


def with_a_full_disk(path):
    with written(path):
        raise OSError(errno.ENOSPC, "No space left on device")
