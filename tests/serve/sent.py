"""What a call to Redis is of, read out of its frames."""

from stream_rfm.serve.bulk import CUSTOMER_KEY


def strings(framed):
    """Bulk strings one by one."""
    found = []
    while framed:
        size, _, rest = framed.partition(b"\r\n")
        end = int(size.removeprefix(b"$"))
        found.append(rest[:end])
        assert rest[end : end + 2] == b"\r\n"
        framed = rest[end + 2 :]
    return found


def keys_of(send):
    """All keys, of those who are erased first."""
    return [CUSTOMER_KEY + customer for customer in send.erased] + strings(send.customers.keys)


def values_of(send):
    return strings(send.customers.values)
