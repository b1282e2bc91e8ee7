"""This file is where long lists of words are looked for, whatever their capitals.

`re` compares letter by letter when capitals do not matter; a text in small letters is searched five
times as fast, and that is right for all but a few letters.
"""

import re

# Letters that `re` takes for another one, or that have more than one small form.
RARE = re.compile(
    "[\u00b5\u0130\u0131\u017f\u0345\u0370-\u03ff\u1c80-\u1c8f\u1e96-\u1e9f\u1f00-\u1fff\u2126\u212a\u212b"
    "\ua64a\ua64b\ufb00-\ufb06]"
)


class Wording:
    """What is looked for: `words` where a word begins, `anywhere` also within one."""

    def __init__(self, words: str, anywhere: str = "", flags: int = 0) -> None:
        parts = [rf"\b(?:{words})"] if words else []
        pattern = "|".join([*parts, anywhere] if anywhere else parts)
        self._any_case = re.compile(pattern, re.IGNORECASE | flags)
        # Without its dot the Turkish letter is the other one's capital for `re`.
        self._small = re.compile(pattern.replace("ı", "i"), flags)

    def is_in(self, text: str) -> bool:
        """Whether `text` says it."""
        if RARE.search(text):
            return self._any_case.search(text) is not None
        return self._small.search(text.lower()) is not None
