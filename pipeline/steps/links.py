"""This file is where everything is found in a text that Messenger would make a link of."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from pipeline.steps.phone_numbers import find_numbers, is_same_number
from pipeline.steps.spelt_links import joined

LIST = Path(__file__).with_name("top_level_domains.txt")
# Nobody sees them, and a reader of addresses leaves them out: h<zero width space>ttps.
UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
# Full stops of other scripts between Latin letters, and dots that somebody hid from a machine.
DOTS = re.compile(r"(?<=[A-Za-z0-9])[。｡](?=[A-Za-z])|\s?[\[(](?:\.|dot)[\])]\s?", re.IGNORECASE)
MAY_HIDE_DOTS = re.compile(r"[\[(。｡]")
END = re.compile(r"[.,!?;:…*_~'’)\]}]+$")
WITH_SCHEME = re.compile(
    r"[a-z0-9+.-]{1,20}:[/\\]{2}[^\s<>\"“”„«»]*"
    r"|\b(?:https?|hxxps?|ftps?|mailto|javascript):[^\s<>\"“”„«»]+",
    re.IGNORECASE,
)
# Vowels and signs of Indian scripts belong to a word, and are no \w.
MARKS = "".join(c for c in map(chr, range(0x300, 0x1100)) if unicodedata.category(c)[0] == "M")
EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]+@(?:[^\W_][\w-]*\.)+[^\W\d_][\w-]+")
HOST = re.compile(
    rf"(?<![^\W_])((?:[^\W_][\w{MARKS}-]{{0,62}}\.)+[^\W_][\w{MARKS}-]{{0,62}})"
    r"((?::\d+)?(?:[/?#\\][^\s<>\"“”„«»]*)?)"
)
# Without it there is no host: most texts end a sentence with their full stops.
DOTTED = re.compile(r"\.[^\W_]")
# Letters without capitals, what lengthens them, and their marks.
OTHER = ("Lo", "Lm", "Mn", "Mc")


@dataclass(frozen=True, slots=True)
class Link:
    """Where an address leads: a scheme that is not the web's, the host, what comes after it."""

    scheme: str
    host: str
    path: str


@dataclass(frozen=True, slots=True)
class Found:
    """What of a text can be touched: addresses, e-mail addresses, phone numbers by their digits."""

    links: frozenset[Link]
    emails: frozenset[str]
    numbers: frozenset[str]


def _read_domains() -> frozenset[str]:
    lines = LIST.read_text(encoding="ascii").splitlines()
    listed = {word for line in lines if not line.startswith("#") for word in line.split()}
    own_script = {word[4:].encode().decode("punycode") for word in listed if word[:4] == "xn--"}
    # Reserved, and never a word behind a full stop.
    return frozenset(listed | own_script | {"example", "onion"})


DOMAINS = _read_domains()


def brings_own_links(text: str, prompt: str, said: Iterable[str]) -> bool:
    """Whether `text` has a link that `prompt` lacks, or a number or e-mail nobody of us wrote.

    `said` are the page's own words. What the contact wrote allows nothing: it may be an injection.
    """
    found = find_links(text)
    if not (found.links or found.emails or found.numbers):
        return False
    asked, ours = find_links(prompt), find_links("\n".join([prompt, *said]))
    return (
        any(not _is_allowed(link, asked.links) for link in found.links)
        or not found.emails <= ours.emails
        or any(not is_same_number(number, ours.numbers) for number in found.numbers)
    )


def find_links(text: str) -> Found:
    """Everything in `text` that a phone or Messenger makes touchable."""
    rest, links, emails = joined(_plain(text)), set[Link](), set[str]()
    if ":" in rest:
        links |= {_parse(match[0]) for match in WITH_SCHEME.finditer(rest)}
        rest = WITH_SCHEME.sub(" ", rest)
    if "@" in rest:
        emails |= {match[0].casefold() for match in EMAIL.finditer(rest)}
        rest = EMAIL.sub(" ", rest)
    if DOTTED.search(rest):
        links |= set(_without_scheme(rest))
        rest = HOST.sub(_without_host, rest)
    return Found(frozenset(links), frozenset(emails), frozenset(find_numbers(rest)))


def _without_scheme(text: str) -> Iterator[Link]:
    for match in HOST.finditer(text):
        if host := _host_in(match[1]):
            whole = len(host) == len(match[1])
            yield _parse(host + (match[2] if whole else ""))


def without_links(text: str) -> str:
    """The text's own words only."""
    rest = WITH_SCHEME.sub(" ", text) if ":" in text else text
    rest = EMAIL.sub(" ", rest) if "@" in rest else rest
    return HOST.sub(_without_host, rest) if DOTTED.search(rest) else rest


def _plain(text: str) -> str:
    """The text as a reader of addresses takes it: one form of every letter, nothing unseen."""
    if text.isascii():
        return _with_dots(text)
    plain = unicodedata.normalize("NFKC", _with_dots(text))
    plain = UNSEEN.sub("", plain)
    if not plain.isprintable():
        plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    if not any(_is_other(letter) for letter in set(plain)):
        return plain if plain.isascii() else _with_dots(plain)
    return "".join(_spaced(_with_dots(plain)))


def _with_dots(text: str) -> str:
    return DOTS.sub(".", text) if MAY_HIDE_DOTS.search(text) else text


def _is_other(letter: str) -> bool:
    return not letter.isascii() and unicodedata.category(letter) in OTHER


def _spaced(text: str) -> Iterator[str]:
    """A space between Latin and a script without capitals, where no space may stand."""
    before, is_other_before = " ", False
    for letter in text:
        is_other = _is_other(letter)
        if is_other != is_other_before and _is_joined(before) and _is_joined(letter):
            yield " "
        yield letter
        before, is_other_before = letter, is_other


def _is_joined(letter: str) -> bool:
    return letter.isalnum() or letter == "/"


def _without_host(match: re.Match[str]) -> str:
    return " " if _host_in(match[1]) else match[0]


def _host_in(words: str) -> str:
    """The longest beginning of dotted words that is an internet address, or nothing."""
    labels = words.split(".")
    if len(labels[0]) == 1 and not labels[0].isascii():
        labels = labels[1:]  # an abbreviation: "г.Москва" is the city
    for count in range(len(labels), 1, -1):
        last = labels[count - 1]
        end = last if last.casefold() in DOMAINS else re.split("[-_]", last)[0]
        if end.casefold() in DOMAINS:
            return ".".join([*labels[: count - 1], end])
    return words if _is_ip(words) else ""


def _is_ip(words: str) -> bool:
    try:
        IPv4Address(words)
    except ValueError:
        return False
    return True


def _parse(address: str) -> Link:
    """Host and path as a browser takes them: `\\` is `/`, what stands before `@` is no host."""
    scheme, colon, rest = END.sub("", address).partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+-]*", scheme):
        scheme, rest = "", END.sub("", address)
    authority, path = _cut(rest.replace("\\", "/").lstrip("/"))
    host = authority.rpartition("@")[2].casefold().removeprefix("www.")
    scheme = scheme.casefold()
    return Link("" if scheme in ("http", "https") else scheme, host, path.rstrip("/"))


def _cut(rest: str) -> tuple[str, str]:
    found = re.search(r"[/?#]", rest)
    return (rest[: found.start()], rest[found.start() :]) if found else (rest, "")


def _is_allowed(link: Link, asked: Iterable[Link]) -> bool:
    """The same link, or one to a part of its way: of /sale/shoes also /sale and the shop itself."""
    return any(
        (link.scheme, link.host) == (other.scheme, other.host)
        and other.path.startswith(link.path)
        and (other.path[len(link.path) :][:1] in ("", "/", "?", "#"))
        for other in asked
    )
