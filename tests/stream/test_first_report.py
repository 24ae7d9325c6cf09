import logging

import pytest
from broker import Message, write
from lost_records import lose

from stream_rfm.stream.first_report import first_report


@pytest.fixture
def topic(declared):
    """Of five reports the first three are gone."""
    name = declared.topics.summaries.name
    write(declared.servers, name, [Message(b"0", b"report", [], 0)] * 5)
    lose(declared.settings.kafka, name, 3)
    return name


@pytest.mark.parametrize("committed", [3, 4, 5])
async def test_it_goes_on_from_what_is_there(declared, topic, committed, caplog):
    with caplog.at_level(logging.WARNING):
        assert await first_report(declared.settings.kafka, topic, committed) == committed
    assert not caplog.records


@pytest.mark.parametrize("committed", [0, 2, 9])
async def test_it_goes_on_from_the_first_where_what_it_wants_is_gone_and_says_so(
    declared, topic, committed, caplog
):
    assert await first_report(declared.settings.kafka, topic, committed) == 3
    [said] = caplog.records
    assert (said.offset, said.first, said.end) == (committed, 3, 5)


async def test_who_never_read_any_begins_with_the_first_that_is_there(declared, topic, caplog):
    assert await first_report(declared.settings.kafka, topic, None) == 3
    assert not caplog.records
