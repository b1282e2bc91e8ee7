"""This file is where a text is found to have nothing to see, or signs that nobody can read.

sql/parts/695_misfits.sql says the same of what a person writes; a test compares the two.
"""

import re
import unicodedata
from collections.abc import Iterator

# Letters and signs that are drawn as nothing, and what Unicode keeps free for more of them.
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\u2065") | frozenset(
    map(chr, (*range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000)))
)
# Cn is a sign that is newer than this Python: most of them are emoji.
SEEN = frozenset("LNPS")
NEWER = "Cn"
# What turns the direction of writing, and what ends it; both end with the line.
ENDED_BY = dict.fromkeys("\u202a\u202b\u202d", "\u202c") | dict.fromkeys(
    "\u2066\u2067\u2068", "\u2069"
)
BACKWARDS = "\u202e"
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
# UTS #39 knows texts with four; Burmese has a syllable with five.
MOST_MARKS = 6


def is_blank(text: str) -> bool:
    """Whether nothing of it is seen: spaces, joiners, marks without a letter under them."""
    return not any(map(_is_seen, text))


def is_garbled(text: str) -> bool:
    """Whether letters run backwards, a turn of direction is left open, or marks pile up."""
    if text.isascii():
        return False
    turned = TURNING.search(text) and any(map(_is_turned, text.splitlines()))
    return bool(turned) or any(height > MOST_MARKS for height in _heights(text))


def without_garble(text: str) -> str:
    """The same letters in the order they stand in, and no more marks on one than it can carry."""
    if text.isascii():
        return text
    pairs = zip(text, _heights(text), strict=True)
    return TURNING.sub("", "".join(sign for sign, height in pairs if height <= MOST_MARKS))


def _is_seen(sign: str) -> bool:
    kind = unicodedata.category(sign)
    return (kind[0] in SEEN or kind == NEWER) and sign not in BLANK


def _is_turned(line: str) -> bool:
    awaited: list[str] = []
    for sign in TURNING.findall(line):
        if sign in ENDED_BY:
            awaited.append(ENDED_BY[sign])
        elif sign == BACKWARDS or not awaited or awaited.pop() != sign:
            return True
    return bool(awaited)


def _heights(text: str) -> Iterator[int]:
    """For every sign how many marks the letter carries up to here; joiners between count as none.

    Vowels that take room of their own (Mc) pile nothing up.
    """
    height = 0
    for sign in text:
        kind = unicodedata.category(sign)
        if kind in ("Mn", "Me"):
            height += 1
        elif kind != "Cf":
            height = 0
        yield height
