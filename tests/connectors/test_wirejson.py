"""JSON as it travels: a text that was cut through a character is marked, all else is as it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.wirejson import loads, may_be_cut, storable

SMILE, MARK = "\N{GRINNING FACE}", "\ufffd"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'"\\ud83d"', MARK),
        (b'"a\\ude00b"', f"a{MARK}b"),
        (b'"\\ud83d\\ude00"', SMILE),  # a whole pair is one character
        (b'"\\ude00\\ud83d"', MARK * 2),  # the wrong way round it is none
        (b'"\xed\xa0\xbd"', MARK),  # half of one as it stands
        ('"\ud55c"'.encode(), "\ud55c"),  # a syllable of Hangul begins with the same byte
        (
            b'{"\\ud83d": ["x", {"k": "\\ud83d"}], "n": 1}',
            {MARK: ["x", {"k": MARK}], "n": 1},
        ),
        ('"\ud83d"', MARK),
        (b"[1, 1.50, null, true]", [1, 1.5, None, True]),
    ],
)
def test_half_a_character_is_marked(body: str | bytes, expected: object) -> None:
    assert loads(body) == expected


TEXTS = st.text(
    st.sampled_from(["a", "\ud55c", SMILE, "\ud83d", "\ude00", "\\", '"']), max_size=5
)


@given(st.fixed_dictionaries({"a": TEXTS, "b": st.lists(TEXTS, max_size=3)}))
def test_any_text_can_be_kept_and_whole_text_is_as_it_was(value: object) -> None:
    for escaped in (True, False):
        text = json.dumps(value, ensure_ascii=escaped)
        found = loads(text)
        json.dumps(found, ensure_ascii=False).encode()  # else no database would keep it
        if not may_be_cut(json.dumps(value, ensure_ascii=False)):
            assert found == value
    assert storable(storable(value)) == storable(value)
