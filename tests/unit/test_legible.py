"""This file is where texts that nobody can see or read are shown to be told from good ones."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.legible import MOST_MARKS, is_blank, is_garbled, without_garble


def test_nothing_that_unicode_calls_ignorable_is_a_text() -> None:
    ranges = ((0x00, 0x21), (0x7F, 0xA1), (0x200B, 0x2010), (0x2028, 0x2030), (0x2060, 0x2070))
    more = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u3000\u3164\ufe0f\ufeff\uffa0"
    unseen = "".join(chr(code) for start, end in ranges for code in range(start, end)) + more

    assert [hex(ord(sign)) for sign in unseen if not is_blank(sign)] == []
    assert is_blank(unseen)
    assert is_blank("")
    assert not is_blank(unseen + "!")


@pytest.mark.parametrize("sign", ["a", "é", "字", "7", "?", "😊", "ㅋ", "น้ำ", "٣"])
def test_what_is_seen_is_a_text(sign: str) -> None:
    assert not is_blank(f"\u200b{sign}\u200b")


def test_a_letter_carries_as_many_marks_as_any_script_asks_for() -> None:
    assert not is_garbled("e" + "\u0301" * MOST_MARKS + "e" + "\u0301" * MOST_MARKS)
    assert is_garbled("e" + "\u0301" * (MOST_MARKS + 1))


@given(st.text(alphabet=st.characters() | st.sampled_from("\u0301\u0323\u202e\u202a\u2069\u200d")))
def test_what_is_put_right_can_be_read_and_has_the_same_letters(text: str) -> None:
    right = without_garble(text)

    assert not is_garbled(right)
    assert letters(right) == letters(text)


def letters(text: str) -> str:
    return "".join(sign for sign in text if unicodedata.category(sign)[0] in "LN")
