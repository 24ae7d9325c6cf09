from datetime import UTC, datetime

from stream_rfm.demo import story
from stream_rfm.demo.board import Move


def way(customer, *segments):
    ends = zip([None, *segments], segments, strict=False)
    return [
        Move(customer, source, target, "up", "order", datetime(1997, 1, day, tzinfo=UTC))
        for day, (source, target) in enumerate(ends, 1)
    ]


def test_story_goes_through_many_segments_and_the_best_of_them():
    moves = {
        "dull": way("dull", "new"),
        "never-good": way("never-good", "new", "promising", "loyal", "lost"),
        "long": way("long", "new", "champions", "loyal", "lost", "new", "champions", "loyal"),
        "early": way("early", "unscored", "new", "champions", "lost", "at-risk"),
        "back-and-forth": way("back-and-forth", "new", "champions", "new", "champions"),
        "told": way("told", "new", "champions", "loyal", "lost"),
    }
    assert story.protagonist(moves) == "told"


def test_somebody_is_found_where_nobody_has_a_story():
    assert story.protagonist({"b": way("b", "new"), "a": way("a", "new")}) == "a"


def test_sentence():
    assert story.sentence(way("7", "new")) == "Customer 7 came on 1997-01-01 as new."
    assert story.sentence(way("7", "new", "loyal", "lost")) == (
        "Customer 7 came on 1997-01-01 as new, became loyal on 1997-01-02 (order) and became lost on "
        "1997-01-03 (order)."
    )
