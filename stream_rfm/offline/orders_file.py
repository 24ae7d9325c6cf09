"""Orders from a file: CSV with a header or JSON lines, plain or gzipped."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

import msgspec

_NEEDED = ("customer_id", "ts")
# As strict as the stream's reader; a number with a fraction stays as it is written, every digit of it.
_json = msgspec.json.Decoder(float_hook=str).decode


class OrdersFileError(Exception):
    """A file that cannot be read as orders; the message says where and what to do."""


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The order events of a file, as documents; fields that are empty in a CSV are left out.

    Raises:
        OrdersFileError: the file is missing, unreadable, or not what its name says.
    """
    lines = _json_lines if ".json" in path.suffixes or ".jsonl" in path.suffixes else _csv_rows
    try:
        with _opened(path) as text:
            yield from lines(path, text)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise OrdersFileError(f"The orders file {path} cannot be read: {reason}.") from None
    except UnicodeDecodeError as error:
        raise OrdersFileError(f"The orders file {path} is not UTF-8 text: {error}.") from None
    except csv.Error as error:
        raise OrdersFileError(f"The orders file {path} is not valid CSV: {error}.") from None


def size(path: Path) -> int:
    """Bytes of the file on disk; 0 where it cannot be told."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return TextIOWrapper(gzip.open(path, "rb"), "utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _csv_rows(path: Path, text: TextIO) -> Iterator[dict[str, Any]]:
    # Else a quote that is not closed would take in all orders up to the next one.
    rows = csv.DictReader(text, strict=True)
    missing = [name for name in _NEEDED if name not in (rows.fieldnames or ())]
    if missing:
        raise OrdersFileError(
            f"The orders file {path} has no column {' and no column '.join(missing)}: its first line must be "
            "a header like customer_id,order_id,ts,amount,type."
        )
    for row in rows:
        yield {name: value for name, value in row.items() if name is not None and value}


def _json_lines(path: Path, text: TextIO) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            document = _json(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise OrdersFileError(f"Line {number} of {path} is not JSON: {error}.") from None
        if not isinstance(document, dict):
            raise OrdersFileError(f"Line {number} of {path} is not a JSON object.")
        yield document
