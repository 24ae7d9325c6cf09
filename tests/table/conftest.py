import pytest

from stream_rfm.table import groups, hash_index, packed, plain, settling, slots


@pytest.fixture(scope="module", params=["in columns", "in turn", "compiled"])
def counting(request):
    """Events are counted by numpy, then in turn, then plain batches at once: all have to say the same."""
    shelves = (
        (hash_index, "way"),
        (settling, "way"),
        (groups, "once"),
        (packed, "unpack"),
        (plain, "look"),
        (plain, "append"),
    )
    before = [getattr(module._Fastest, name) for module, name in shelves]
    for (module, name), none in zip(shelves, (slots, None, None, None, None, None), strict=True):
        setattr(module._Fastest, name, none)
    if request.param != "in columns":
        hash_index.use_compiled()
        settling.use_compiled()
    if request.param == "compiled":
        groups.use_compiled()
        packed.use_compiled()
        plain.use_compiled()
    yield
    for (module, name), was in zip(shelves, before, strict=True):
        setattr(module._Fastest, name, was)
