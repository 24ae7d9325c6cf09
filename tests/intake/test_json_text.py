from __future__ import annotations

import numpy as np
import pytest

from stream_rfm.intake import json_text


def after(function, text: bytes) -> int:
    """Where something is over that begins a text, between other bytes."""
    data = np.frombuffer(b"##" + text + b'"}', np.uint8)
    end = function(data, 2, 2 + len(text))
    return end if end < 0 else end - 2


@pytest.mark.parametrize(
    "text", [b'"a b"', b'""', b"0", b"-0", b"12", b"-1.5", b"0.25", b"true", b"false", b"null", b"9" * 18]
)
def test_scalars_are_passed(text):
    assert after(json_text.after_scalar, text) == len(text)
    assert after(json_text.after_scalar, text + b", ") == len(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"",
            b'"',
            b'"a',
            b'"\\n"',
            b'"\x1f"',
            b'"\xc3\xa9"',
            b"-",
            b"01",
            b"1.",
            b".5",
            b"+1",
            b"1e5",
            b"1E5",
        ),
        *(b"tru", b"nul", b"fals", b"True", b"[1]", b"{}", b"9" * 19, b"1." + b"0" * 18, b"NaN"),
    ],
)
def test_what_is_not_plain_is_not_passed(text):
    assert after(json_text.after_scalar, text) == -1


@pytest.mark.parametrize(
    ("text", "over"),
    [
        (b"}", 1),
        (b" }", 2),
        (b'"a":1}', 6),
        (b'"a" : 1 , "b":null}x', 19),
        (b'"a":[]}', -1),
        (b'"a":{}}', -1),
        (b'"a" 1}', -1),
        (b'"a":1,}', -1),
        (b'"a":1 "b":2}', -1),
        (b'"a":1', -1),
        (b'"a"', -1),
        (b"1:2}", -1),
        (b"", -1),
    ],
)
def test_objects_of_scalars(text, over):
    assert after(json_text.after_flat_object, text) == over


def test_white_space_and_words():
    assert after(json_text.after_space, b" \t\r\nx") == 4
    assert after(json_text.after_space, b"   ") == 3
    assert (after(json_text.after_null, b"null"), after(json_text.after_null, b"nul")) == (4, -1)
