"""This file is where looking in small letters is shown to find what `re` finds in any."""

import re
import sys

import pytest

from pipeline.steps.blanks import ANYBODY, GREETED, HELLO
from pipeline.steps.refusals import REFUSAL
from pipeline.steps.wording import RARE, Wording

CASED = "".join(
    letter
    for letter in map(chr, range(sys.maxunicode + 1))
    if (letter.lower() != letter or letter.upper() != letter) and not RARE.match(letter)
)
LISTS = (ANYBODY, GREETED, REFUSAL)


def test_no_letter_but_the_rare_ones_stands_for_another() -> None:
    letters = {letter for words in LISTS for letter in words._any_case.pattern if letter.isalpha()}

    assert len(CASED) > 2000
    assert len(letters) > 150
    for letter in letters:
        small = "i" if letter == "ı" else letter
        found = set(re.findall(letter, CASED, re.IGNORECASE))
        assert found == {other for other in CASED if other.lower() == small}, letter


@pytest.mark.parametrize("words", LISTS)
def test_what_is_looked_for_is_written_in_small_letters(words: Wording) -> None:
    signs = re.sub(r"\\.", "", words._any_case.pattern)

    assert signs == signs.lower()


@pytest.mark.parametrize(
    "text",
    [
        "I cannot help with that.",
        "I CANNOT HELP WITH THAT.",
        "ich kann dabei ſicher nicht dabei helfen",
        "ΔΕΝ ΜΠΟΡΏ ΝΑ ΣΑΣ ΒΟΗΘΉΣΩ",
        "Yardimci olamam",
        "YARDIMCI OLAMAM",
        "Я НЕ МОГУ ПОМОЧЬ",
        "as a \u212aI, as an A\u0130",
        "We cannot wait to see you",
    ],
)
def test_a_text_says_the_same_either_way(text: str) -> None:
    assert REFUSAL.is_in(text) == (REFUSAL._any_case.search(text) is not None)


def test_a_word_within_another_is_none() -> None:
    greeting = Wording(f"(?:{HELLO})!", "taalmodel")

    assert greeting.is_in("¡Hola! Xhi")
    assert not greeting.is_in("Xhi!")
    assert greeting.is_in("Ik ben een Xtaalmodel")
