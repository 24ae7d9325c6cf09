import profiles  # noqa: F401 - how hypothesis runs
import pytest

from stream_rfm.table import hash_index, settling, slots


@pytest.fixture(scope="module", params=["in columns", "compiled"])
def counting(request):
    """Events are counted by numpy, then by what is compiled: both have to say the same."""
    before = hash_index._Fastest.way, settling._Fastest.way
    if request.param == "compiled":
        hash_index.use_compiled()
        settling.use_compiled()
    else:
        hash_index._Fastest.way, settling._Fastest.way = slots, None
    yield
    hash_index._Fastest.way, settling._Fastest.way = before
