"""This file is where text is read as PostgREST's Parsec reads it: refusals name the same place."""

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, NoReturn, TypeVar

from local.gateway.errors import ApiError

T = TypeVar("T")
# What was met and not foreseen, met and forbidden, foreseen: in the order in which they are told.
MET, FORBIDDEN, EXPECTED = range(3)
NAMES = {
    code: name
    for code, name in enumerate([
        "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "a", "b", "t", "n", "v", "f", "r", "SO",
        "SI", "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC",
        "FS", "GS", "RS", "US",
    ])
} | {127: "DEL"}  # fmt: skip


class Trouble(NamedTuple):
    """Why reading could not go on at one place: (kind, words) pairs."""

    at: int
    told: tuple[tuple[int, str], ...]


class UnreadError(Exception):
    """Reading failed; nothing was read in vain only where the reader stands at its start."""

    def __init__(self, trouble: Trouble | None) -> None:
        super().__init__()
        self.trouble = trouble


def _merged(one: Trouble | None, other: Trouble | None) -> Trouble | None:
    if one is None or other is None:
        return other if one is None else one
    if one.at == other.at:
        return Trouble(one.at, one.told + other.told)
    return one if one.at > other.at else other


def _named(trouble: Trouble | None, name: str) -> Trouble | None:
    if trouble is None:
        return None
    rest = tuple(pair for pair in trouble.told if pair[0] != EXPECTED)
    return Trouble(trouble.at, ((EXPECTED, name), *rest))


def shown(text: str, mark: str = '"') -> str:
    """The text as Haskell shows it: quoted, and ASCII only."""
    out = ""
    for letter in text:
        code = ord(letter)
        # A digit after a number, or H after SO, would be read as part of it.
        runs_on = letter.isdigit() and re.search(r"\\\d+$", out)
        if runs_on or (letter == "H" and out.endswith("\\SO")):
            out += "\\&"
        if letter in ("\\", mark):
            out += "\\" + letter
        elif code in NAMES:
            out += "\\" + NAMES[code]
        else:
            out += letter if code < 127 else f"\\{code}"
    return mark + out + mark


class Reader:
    """A cursor over one parameter's text, which `what` names in refusals."""

    def __init__(self, text: str, what: str) -> None:
        self.text = text
        self.at = 0
        self.nodes = 0
        self._what = what
        # What could have followed where the reader stands.
        self._open: Trouble | None = None

    def whole(self, read: Callable[[], T]) -> T:
        """What `read` gives; ApiError 400 where it fails."""
        try:
            return read()
        except UnreadError as failed:
            self._refuse(failed.trouble or Trouble(self.at, ()))

    def _refuse(self, trouble: Trouble) -> NoReturn:
        line, column = 1, 1
        for letter in self.text[: trouble.at]:
            line += letter == "\n"
            wide = 8 - (column - 1) % 8 if letter == "\t" else 1
            column = 1 if letter == "\n" else column + wide
        message = f'"{self._what}" (line {line}, column {column})'
        raise ApiError(400, "PGRST100", message, _told(trouble))

    def fail(self, trouble: Trouble | None) -> NoReturn:
        raise UnreadError(_merged(self._open, trouble))

    def _met(self, at: int, *more: tuple[int, str]) -> Trouble:
        met = shown(self.text[at]) if at < len(self.text) else ""
        return Trouble(at, (*more, (MET, met)))

    def step(self, length: int, trouble: Trouble | None = None) -> str:
        """The next letters; `trouble` is what could have stood after them instead."""
        found = self.text[self.at : self.at + length]
        self.at += length
        self._open = trouble if length else _merged(self._open, trouble)
        return found

    def run(self, pattern: re.Pattern[str], *expected: str, least: int = 0) -> str:
        """As many letters as fit the pattern; what ends them is remembered."""
        found = pattern.match(self.text, self.at)
        end = found.end() if found else self.at
        trouble = self._met(end, *((EXPECTED, word) for word in expected))
        if end - self.at < least:
            self.fail(trouble)
        return self.step(end - self.at, trouble)

    def word(self, word: str) -> str:
        """Exactly this; after its first letter there is no way back."""
        for place, letter in enumerate(word):
            if self.text[self.at + place : self.at + place + 1] != letter:
                met = self._met(self.at + place)
                trouble = Trouble(self.at, ((EXPECTED, shown(word)), *met.told))
                if place:
                    self.at += 1
                    raise UnreadError(trouble)
                self.fail(trouble)
        return self.step(len(word))

    def end(self) -> None:
        """The end of the text."""
        ended = (EXPECTED, "end of input")
        if self.at < len(self.text):
            letter = shown(self.text[self.at], "'")
            self.fail(Trouble(self.at, (ended, (FORBIDDEN, letter))))
        self._open = _merged(self._open, self._met(self.at, ended))

    def but_not(self, pattern: re.Pattern[str], *expected: str) -> None:
        """Refuses a letter that fits the pattern."""
        if pattern.match(self.text, self.at):
            letter = shown(self.text[self.at], "'")
            self.fail(Trouble(self.at + 1, ((FORBIDDEN, letter),)))
        trouble = self._met(self.at, *((EXPECTED, word) for word in expected))
        self._open = _merged(self._open, trouble)

    def ahead(self, read: Callable[[], object]) -> None:
        """Reads without moving."""
        at, before = self.at, self._open
        read()
        self.at, self._open = at, before

    def attempt(self, read: Callable[[], T]) -> T:
        """What `read` gives, or a failure that left nothing behind."""
        start, before = self.at, self._open
        try:
            return read()
        except UnreadError as failed:
            if self.at == start:
                raise
            self.at = start
            raise UnreadError(_merged(before, failed.trouble)) from None

    def trying(self, *words: str) -> str:
        """The first of these words that stands here."""
        return self.first(*(partial(self.attempt, partial(self.word, word)) for word in words))

    def first(self, *ways: Callable[[], T]) -> T:
        """What the first fitting way gives; one that got anywhere is not left again."""
        start = self.at
        for way in ways[:-1]:
            try:
                return way()
            except UnreadError as failed:
                if self.at != start:
                    raise
                self._open = failed.trouble
        return ways[-1]()

    def maybe(self, read: Callable[[], T]) -> T | None:
        return self.first(read, lambda: None)

    def many(self, read: Callable[[], T]) -> list[T]:
        found: list[T] = []
        while True:
            start = self.at
            try:
                found.append(read())
            except UnreadError as failed:
                if self.at != start:
                    raise
                self._open = failed.trouble
                return found
            self._open = None

    def listed(self, read: Callable[[], T], comma: Callable[[], object]) -> list[T]:
        """One or more, with something between them."""
        one = read()

        def other() -> T:
            comma()
            return read()

        return [one, *self.many(other)]

    def named(self, name: str, read: Callable[[], T]) -> T:
        """What `read` gives; where it did not begin, `name` is what was expected."""
        start, before = self.at, self._open
        self._open = None
        try:
            found = read()
        except UnreadError as failed:
            if self.at != start:
                raise
            raise UnreadError(_merged(before, _named(failed.trouble, name))) from None
        if self.at == start:
            self._open = _merged(before, _named(self._open, name))
        return found


def _told(trouble: Trouble) -> str:
    kinds: list[list[str]] = [[], [], []]
    for kind, words in trouble.told:
        if words not in kinds[kind]:
            kinds[kind].append(words)
    met, forbidden, expected = kinds
    told = []
    if forbidden:
        told.append(f"unexpected {_either(forbidden)}")
    elif met:
        told.append(f"unexpected {met[0] or 'end of input'}")
    if any(expected):
        told.append(f"expecting {_either(expected)}")
    return " ".join(told) or "unknown parse error"


def _either(words: list[str]) -> str:
    words = [word for word in words if word]
    return " or ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
