"""CDNOW's orders, which come with the package; ``data/README.md`` says where they are from."""

from __future__ import annotations

from pathlib import Path

from stream_rfm.model import instant

FILE = Path(__file__).with_name("data") / "cdnow_master.orders.csv.gz"
ORDERS = 69_659
CUSTOMERS = 23_570
#: The day of the first order, as everybody writes it.
FIRST_DAY = "1997-01-01"
#: The midnight after the last order, in microseconds since 1970: the last instant that is scored as of.
UNTIL = instant.parse("1998-07-01T00:00:00Z")
