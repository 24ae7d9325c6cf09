"""Where what stands in a record batch of version 2 (Apache Kafka, "Message Format"), and its checksum.

``docs/decisions/0014-compiled-intake.md`` says who reckons it.
"""

from __future__ import annotations

from struct import Struct

from crc32c import crc32c

#: Base offset, length, epoch of the leader, magic, checksum, attributes, last offset, first and last stamp,
#: producer, its epoch, sequence, records.
HEADER = Struct(">qiibIhiqqqhii")
#: How many bytes are behind the length; the version; the checksum; how many records there are.
LENGTH, MAGIC, CHECKSUM, COUNT = slice(8, 12), 16, slice(17, 21), slice(57, 61)


def checksum(batch: memoryview) -> int:
    """CRC-32C of all that stands behind the place where it is written."""
    return crc32c(batch[CHECKSUM.stop :])
