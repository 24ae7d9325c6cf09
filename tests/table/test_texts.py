import numpy as np

from stream_rfm.table.texts import Texts


def texts():
    data = np.frombuffer("xabébc".encode(), np.uint8)
    return Texts(data, np.array([1, 2, 0, 5]), np.array([1, 3, -1, 2]), bytes.decode)


def test_each_is_made_when_it_is_asked_for():
    assert list(texts()) == ["a", "bé", None, "bc"]
    assert (len(texts()), texts()[-1]) == (4, "bc")


def test_a_part_is_texts_again():
    assert list(texts()[1:3]) == ["bé", None]
    assert list(texts()[np.array([3, 0])]) == ["bc", "a"]


def test_others_stand_behind_them():
    assert list(texts().joined([b"z", None, b"", "ü".encode()])) == [
        "a",
        "bé",
        None,
        "bc",
        "z",
        None,
        "",
        "ü",
    ]


def test_many_are_made_at_once():
    assert texts().at(np.array([3, 2, 1])) == ["bc", None, "bé"]
    assert texts().at(np.array([], np.int64)) == []


def test_texts_may_be_given_by_their_bytes():
    some = Texts.of([b"a", None, "bé".encode(), b""], bytes.decode)
    assert list(some) == ["a", None, "bé", ""]
    assert (some.data.tobytes(), some.start.tolist(), some.size.tolist()) == (
        "abé".encode(),
        [0, 1, 1, 4],
        [1, -1, 3, 0],
    )
    assert list(Texts.of([], bytes)) == []
