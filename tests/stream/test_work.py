from stream_rfm.stream.work import Work

ONE, OTHER, LAST = (b"c", b"1", []), (b"c", b"2", []), (b"c", b"3", [])


def test_messages_come_behind_those_already_there():
    work = Work()
    work.put("t", 0, [ONE])
    work.put("t", 0, [OTHER])
    work.put("t", 1, [])
    assert work.messages == {("t", 0): [ONE, OTHER]}


def test_records_begin_with_the_messages_already_there_and_take_what_follows():
    work = Work()
    work.put("t", 0, [ONE])
    records = work.records_of("t", 0)
    work.put("t", 0, [OTHER, LAST])
    assert work.records_of("t", 0) is records
    assert not work.messages
    assert [batch.record_count() for batch in records.batches()] == [3]


def test_its_places_are_those_of_both():
    work = Work()
    work.put("t", 0, [ONE])
    work.records_of("u", 1)
    assert work.places == {("t", 0), ("u", 1)}
