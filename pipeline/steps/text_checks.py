"""This file is where a text that must not reach a customer is recognised."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from pipeline.steps.links import brings_own_links, without_links

LONGEST_UNITS = 1990
ALIKE = 0.9
# Of fewer letters nobody can tell which script a contact writes in: "ok", a link, a name.
FEWEST_LETTERS = 8
PLACEHOLDER = re.compile(
    r"\[[^\[\]\n]{0,60}[^\W\d][^\[\]\n]{0,60}\]"
    r"|\{[^{}\n]{1,60}\}"
    r"|<[^\W\d][^<>\n]{0,60}>"
    r"|%[A-Za-z_]{2,40}%"
    r"|_{3,}"
    r"|\b(?:first_name|last_name|sender_name|contact_name)\b"
)
JSON_LIKE = re.compile(r"^\s*(?:\{\s*[\"}]|\[\s*[\"{\[])|```|\"\s*:\s*[\"\[{\d]")
REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial|language model)"
    r"|\b(?:i|we) (?:can(?:no|['’])t|am unable to|['’]m unable to) "
    r"(?:help|assist|write|create|generate|fulfil|comply|provide)"
    r"|\bi['’]?m sorry, but i\b"
    r"|\blanguage model\b"
    r"|\b(?:no puedo|não posso|je ne peux pas|ich kann (?:dabei )?nicht) "
    r"(?:ayudar|ajudar|vous aider|helfen)"
    r"|не могу (?:помочь|выполнить)|не можу (?:допомогти|виконати)"
    r"|无法(?:帮助|协助|提供)|お手伝いできません|도와드릴 수 없습니다"
    r"|मदद नहीं कर सकता|لا أستطيع مساعدتك",
    re.IGNORECASE,
)


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
    "The text contains a placeholder instead of a name or fact.",
    "It contained a placeholder; use only facts that are in the data.",
)
RAW_JSON = Fault(
    "text_json", "The text is program output, not a message.", "It was not plain text."
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
    "The text is not in the script the contact writes in.",
    "It was in another language than the contact's; write in theirs.",
)

PATTERNS = ((JSON_LIKE, RAW_JSON), (PLACEHOLDER, PLACE), (REFUSAL, REFUSED))
UNPRINTABLE = frozenset({"Cc", "Cs"})


def clean(text: str) -> str:
    """The text without what PostgreSQL or a screen cannot hold: controls, lone surrogates."""
    kept = [c for c in text if c == "\n" or unicodedata.category(c) not in UNPRINTABLE]
    return "".join(kept).strip()


def find_fault(text: str, earlier: Iterable[str] = (), prompt: str = "") -> Fault | None:
    """The first reason why `text` may not be sent; `earlier` are the page's own messages."""
    found = find_misfit(text) or next((f for pattern, f in PATTERNS if pattern.search(text)), None)
    if found is not None:
        return found
    said = list(earlier)
    if brings_own_links(text, prompt, said):
        return FOREIGN_LINK
    return REPEATED if any(_same(text, before) for before in said) else None


def find_foreign(text: str, heard: Iterable[str]) -> Fault | None:
    """A fault when the contact writes in one script and `text` hardly has a letter of it."""
    theirs = _scripts(" ".join(heard))
    if sum(theirs.values()) < FEWEST_LETTERS or not (ours := _scripts(text)):
        return None
    script, letters = max(theirs.items(), key=lambda item: item[1])
    if letters < 0.7 * sum(theirs.values()):
        return None
    return FOREIGN_WORDS if ours.get(script, 0) < 0.2 * sum(ours.values()) else None


def _scripts(text: str) -> dict[str, int]:
    """How many letters of each script; Japanese and Chinese share one, for they share signs."""
    counts: dict[str, int] = {}
    for letter in filter(str.isalpha, without_links(text)):
        script = unicodedata.name(letter, "?").split()[0]
        script = "CJK" if script in ("HIRAGANA", "KATAKANA") else script
        counts[script] = counts.get(script, 0) + 1
    return counts


def find_misfit(text: str) -> Fault | None:
    """Why Messenger itself would not take `text`, whoever wrote it."""
    if not text.strip():
        return EMPTY
    return TOO_LONG if length(text) > LONGEST_UNITS else None


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
