import pytest

from stream_rfm.table import groups, hash_index, packed, plain, settling, slots

PLAIN = (plain.ADDING, plain.APPENDING, plain.LOOKING)


@pytest.fixture(scope="module", params=["in columns", "in turn", "compiled"])
def counting(request):
    """Events are counted by numpy, then in turn, then plain batches at once: all have to say the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hash_index.COMPILED, "way", slots)
        for module in (settling.COMPILED, groups.COMPILED, packed.COMPILED, *PLAIN):
            patch.setattr(module, "way", None)
        if request.param != "in columns":
            hash_index.COMPILED.load()
            settling.COMPILED.load()
        if request.param == "compiled":
            groups.COMPILED.load()
            packed.COMPILED.load()
            plain.use_compiled()
        yield
