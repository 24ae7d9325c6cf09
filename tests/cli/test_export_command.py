"""What the command refuses by itself; what it writes is in ``tests/e2e``."""

from runs import run


def test_a_folder_is_no_file_to_write(tmp_path):
    result = run("export", "-o", tmp_path)
    assert result.exit_code == 2
    assert "is a directory" in result.stderr
