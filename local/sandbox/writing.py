"""This file is where a follow-up is composed from the name, page and language of a request."""

import json
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import Any
from zlib import crc32

from pipeline.tongues import language_of

PHRASES = Path(__file__).with_name("phrases.toml")
# Unicode's name of a letter begins with its script; kana before Han, Japanese uses both.
SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "CYRILLIC": "ru",
    "GREEK": "el", "ARABIC": "ar", "HEBREW": "he", "DEVANAGARI": "hi", "THAI": "th",
    "BENGALI": "bn",
}  # fmt: skip
UKRAINIAN = frozenset("іїєґІЇЄҐ")
WHOLE_NAME = frozenset({"zh", "ja", "ko"})
NO_SPACES = frozenset({"zh", "ja"})
# A greeting's place for the name, with what belongs to it.
PLACE = re.compile(
    r"^(?:คุณ )?\{name\}(?:さん|님| ơi| जी)?[,，、!！]?|[\s,]*(?:คุณ )?\{name\}(?:さん|님| ơi| जी)?"
)
PLAIN_QUESTION = re.compile(r"[\w ,.!'’-]{5,90}\?")
NAME_KEYS = ("name", "first_name", "contact_name", "sender_name")
PAGE_KEYS = ("page", "page_name", "business")


def compose(system: str, data: str) -> str:
    """A friendly message for the person in `data`, in their language, not one said before."""
    facts = _facts(data)
    name, page = _first(facts, NAME_KEYS), _first(facts, PAGE_KEYS)
    language = _language(_first(facts, ("language",)), " ".join(_heard(facts)), name)
    phrases, question = _phrases()[language], _question(facts)
    bodies = _topic(phrases, system) or _asked(phrases, question) or phrases["body"]
    hello = phrases["hello"] if name else _nameless(phrases["hello"])
    choices = list(product(hello, bodies, phrases["end"]))
    start = crc32(f"{name}{page}".encode())
    between = "" if language in NO_SPACES else " "
    for step in range(len(choices)):
        # 5 has no factor in common with 27, so every choice comes up once.
        chosen = choices[(start + 5 * step) % len(choices)]
        text = between.join(chosen).format(
            name=_called(name, language), page=page or "our page", question=question
        )
        if text not in data and json.dumps(text)[1:-1] not in data:
            break
    return text


def obey(data: str) -> str:
    """What an AI answers that takes the contact's last words, or else their name, for orders."""
    facts = _facts(data)
    return (_heard(facts) or [_first(facts, NAME_KEYS)])[-1]


def _facts(data: str) -> list[tuple[str, str]]:
    """Every text of the JSON in `data` with its key; without JSON, what `name: ...` lines say."""
    start = data.find("{")
    try:
        return list(_walk(json.loads(data[start:]), "")) if start >= 0 else _lines(data)
    except ValueError:
        return _lines(data)


def _walk(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, key)


def _lines(data: str) -> list[tuple[str, str]]:
    found = re.findall(r"^\W*([\w ]+?)\W*[:=]\s*(.+)$", data, re.MULTILINE)
    return [(key.lower().replace(" ", "_"), value.strip(" \"',")) for key, value in found]


def _first(facts: list[tuple[str, str]], keys: tuple[str, ...]) -> str:
    return next((value for key, value in facts if key in keys and value.strip()), "")


def _language(asked: str, said: str, name: str) -> str:
    wanted = re.split(r"[\s(,_-]", asked.strip().lower())[0]
    for code, phrases in _phrases().items():
        if wanted in phrases["names"]:
            return code
    if (clear := language_of(said)) in _phrases():
        return clear
    return (_language_of(said) if any(map(str.isalpha, said)) else _language_of(name)) or "en"


def _language_of(text: str) -> str:
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in text if letter.isalpha()}
    code = next((code for script, code in SCRIPTS.items() if script in scripts), "")
    if code == "ru" and UKRAINIAN & set(text):
        return "uk"
    # A name in Han characters with a space between its parts is a Japanese one.
    return "ja" if code == "zh" and " " in text.strip() else code


def _topic(phrases: dict[str, Any], text: str) -> list[str]:
    words = set(re.findall(r"\w+", text.lower()))
    topics = phrases.get("topics", {}).values()
    found: list[str] = next((t["body"] for t in topics if words & set(t["words"])), [])
    return found


def _heard(facts: list[tuple[str, str]]) -> list[str]:
    """What the contact said; who said a text stands before it."""
    words = [value for key, value in facts if key in ("by", "text")]
    return [text for by, text in pairwise(words) if by == "contact"]


def _question(facts: list[tuple[str, str]]) -> str:
    """What the contact asked last, when it is short and plain enough to be quoted."""
    asked = _heard(facts)
    return asked[-1].strip() if asked and PLAIN_QUESTION.fullmatch(asked[-1].strip()) else ""


def _asked(phrases: dict[str, Any], question: str) -> list[str]:
    found: list[str] = phrases.get("question", {}).get("body", []) if question else []
    return found


def _nameless(greetings: list[str]) -> list[str]:
    found = (PLACE.sub("", greeting, count=1).strip() for greeting in greetings)
    return [greeting for greeting in found if greeting]


def _called(name: str, language: str) -> str:
    words = name.split()
    if not words:
        return ""
    return name.strip() if language in WHOLE_NAME else words[0]


@cache
def _phrases() -> dict[str, Any]:
    return tomllib.loads(PHRASES.read_text(encoding="utf-8"))
