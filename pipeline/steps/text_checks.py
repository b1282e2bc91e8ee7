"""This file is where a text that must not reach a customer is recognised."""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from pipeline.legible import is_blank, is_garbled
from pipeline.steps.blanks import has_blank
from pipeline.steps.links import brings_own_links, without_links
from pipeline.steps.refusals import REFUSAL
from pipeline.tongues import language_of, names_language

LONGEST_UNITS = 1990
ALIKE = 0.9
# Of fewer letters nobody can tell which script a contact writes in: "ok", a link, a name.
FEWEST_LETTERS = 8
JSON_LIKE = re.compile(r"^\s*(?:\{\s*[\"'}]|\[\s*[\"'{\[])|```|\"\s*:\s*[\"\[{\d]")
# "message: Hello": the shape that was asked for, in another notation.
LABELLED = re.compile(
    r"^[\W_]{0,5}(?:message|text|output|response)[\s*_\"'`]{0,3}[:=]", re.IGNORECASE
)
PROGRAM_WORDS = frozenset({"true", "false", "null", "none", "nil", "undefined", "n/a"})


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a text may not go out: a code, a sentence for a person, a sentence for the AI."""

    code: str
    message: str
    correction: str


EMPTY = Fault("text_empty", "The text is empty.", "It was empty.")
TOO_LONG = Fault(
    "text_too_long", "The text is longer than Messenger allows.", "It was too long; be brief."
)
PLACE = Fault(
    "text_placeholder",
    "The text contains a placeholder or a blank instead of a name or fact.",
    "It contained a placeholder or a blank; use only facts that are in the data, and greet "
    "without a name if there is none.",
)
RAW_JSON = Fault(
    "text_json", "The text is program output, not a message.", "It was not plain text."
)
GARBLED = Fault(
    "text_garbled",
    "The text has signs that turn the writing around, or heaps of marks on one letter.",
    "It contained signs that change the direction of writing, or many marks on one letter; write "
    "plain letters only.",
)
REFUSED = Fault(
    "text_refusal",
    "The AI declined instead of writing a message.",
    "It declined; write a short friendly follow-up.",
)
FOREIGN_LINK = Fault(
    "text_link",
    "The text contains a link, e-mail address or phone number that the automation's prompt lacks.",
    "It contained a link, an e-mail address, a phone number, or a full stop without a space "
    "behind it; write without.",
)
REPEATED = Fault(
    "text_repeated", "The text is the same as an earlier message.", "It was sent before; differ."
)

FOREIGN_WORDS = Fault(
    "text_language",
    "The text is not in the language the contact writes in.",
    "It was in another language than the contact's; write in theirs.",
)

UNPRINTABLE = frozenset({"Cc", "Cs"})


def clean(text: str) -> str:
    """The text without what PostgreSQL or a screen cannot hold: controls, lone surrogates."""
    if text.replace("\n", "").isprintable():
        return text.strip()
    kept = [c for c in text if c == "\n" or unicodedata.category(c) not in UNPRINTABLE]
    return "".join(kept).strip()


def find_fault(
    text: str, earlier: Iterable[str] = (), prompt: str = "", name: str = ""
) -> Fault | None:
    """The first reason why `text` may not be sent; `earlier` are the page's own messages."""
    found = find_misfit(text) or _find_no_message(text, name)
    if found is not None:
        return found
    said = list(earlier)
    if brings_own_links(text, prompt, said):
        return FOREIGN_LINK
    return REPEATED if any(_same(text, before) for before in said) else None


def _find_no_message(text: str, name: str) -> Fault | None:
    if _is_data(text):
        return RAW_JSON
    if has_blank(text, name):
        return PLACE
    return REFUSED if REFUSAL.is_in(text) else None


def _is_data(text: str) -> bool:
    """Whether a program, not a person, would read it."""
    if JSON_LIKE.search(text) or LABELLED.search(text) or text.strip().lower() in PROGRAM_WORDS:
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def find_foreign(text: str, heard: Iterable[str]) -> Fault | None:
    """A fault when the contact writes in one script and `text` hardly has a letter of it."""
    theirs = _scripts(" ".join(heard))
    if sum(theirs.values()) < FEWEST_LETTERS or not (ours := _scripts(text)):
        return None
    script, letters = max(theirs.items(), key=lambda item: item[1])
    if letters < 0.7 * sum(theirs.values()):
        return None
    return FOREIGN_WORDS if ours.get(script, 0) < 0.2 * sum(ours.values()) else None


def find_strange(text: str, heard: Iterable[str], prompt: str) -> Fault | None:
    """A fault when both are clear, and no message of the contact is in the language of `text`.

    A prompt that speaks of that language may have asked for it.
    """
    said = [without_links(message) for message in heard]
    if not (theirs := language_of(" ".join(said))):
        return None
    ours = language_of(without_links(text))
    if not ours or ours == theirs or names_language(prompt, ours):
        return None
    return None if ours in map(language_of, said) else FOREIGN_WORDS


def _scripts(text: str) -> dict[str, int]:
    """How many letters of each script; Japanese and Chinese share one, for they share signs."""
    counts: dict[str, int] = {}
    for letter in filter(str.isalpha, without_links(text)):
        script = unicodedata.name(letter, "?").split()[0]
        script = "CJK" if script in ("HIRAGANA", "KATAKANA") else script
        counts[script] = counts.get(script, 0) + 1
    return counts


def find_misfit(text: str) -> Fault | None:
    """Why `text` cannot be a message to anybody, whoever wrote it."""
    if is_blank(text):
        return EMPTY
    if length(text) > LONGEST_UNITS:
        return TOO_LONG
    return GARBLED if is_garbled(text) else None


def length(text: str) -> int:
    """UTF-16 units: Meta does not say what a character is, and this counts most."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _same(text: str, said: str) -> bool:
    """Whether a reader would call both the same message, an exchanged word or two included."""
    new, old = _gist(text), _gist(said)
    if new == old:
        return True
    alike = SequenceMatcher(None, new[:600], old[:600], autojunk=False)
    return alike.quick_ratio() > ALIKE and alike.ratio() > ALIKE


def _gist(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())
