import profiles  # noqa: F401 - how hypothesis runs
import pytest

from stream_rfm.table import hash_index, plain, settling, slots


@pytest.fixture(scope="module", params=["in columns", "in turn", "compiled"])
def counting(request):
    """Events are counted by numpy, then in turn, then plain batches at once: all have to say the same."""
    before = hash_index._Fastest.way, settling._Fastest.way, plain._Fastest.look, plain._Fastest.append
    hash_index._Fastest.way, settling._Fastest.way, plain._Fastest.look = slots, None, None
    if request.param != "in columns":
        hash_index.use_compiled()
        settling.use_compiled()
    if request.param == "compiled":
        plain.use_compiled()
    yield
    hash_index._Fastest.way, settling._Fastest.way, plain._Fastest.look, plain._Fastest.append = before
