"""This file is where a query string names columns: plain or in quotes, and ways into their JSON."""

import re
from dataclasses import dataclass
from functools import lru_cache, partial

from local.gateway.reader import EXPECTED, MET, Reader, Trouble, shown

FIELD = "field name (* or [a..z0..9_$])"
KEY = "any non reserved character different from: .,>()"
DELIMITER = "delimiter (.)"
BLANKS = re.compile(r"[ \t]*")
ARROW = re.compile(">")
DIGITS = re.compile("[0-9]*")
IDENTIFIER = re.compile(r"(?:[A-Za-z0-9_ $]|[^\W\d_])*")
IN_QUOTES = re.compile(r'(?:[^"\\]|\\[\s\S])*')
IN_KEY = re.compile(r"[^(\-:.,>)]*")
# Texts of one program, which asks the same all day.
REMEMBERED = 256
# More digits than any number has that PostgreSQL could mean.
MOST_DIGITS = 100


@dataclass(frozen=True, slots=True)
class Field:
    """A column, and the way into it when it holds JSON: (arrow, key or index) steps."""

    name: str
    path: tuple[tuple[str, str | int], ...] = ()


Path = tuple[str, ...]


def spaces(reader: Reader) -> None:
    reader.run(BLANKS)


def around(reader: Reader, word: str) -> None:
    """The word, with or without blanks on both sides."""
    spaces(reader)
    reader.word(word)
    spaces(reader)


def delimiter(reader: Reader) -> None:
    reader.named(DELIMITER, lambda: reader.word("."))


def identifier(reader: Reader) -> str:
    return reader.run(IDENTIFIER, "letter", "digit", least=1).strip()


def quoted(reader: Reader) -> str:
    reader.word('"')
    found = IN_QUOTES.match(reader.text, reader.at)
    end = found.end() if found else reader.at
    met = reader.text[end : end + 1]
    expected = (EXPECTED, shown("\\"))
    trouble = Trouble(end, (expected, (MET, shown(met) if met else "")))
    text = reader.step(end - reader.at, trouble)
    if met == "\\":
        reader.step(1)
        reader.fail(Trouble(reader.at, ((MET, ""),)))
    reader.word('"')
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _dash(reader: Reader) -> None:
    def dash() -> None:
        reader.word("-")
        reader.but_not(ARROW, shown(">"))

    reader.attempt(dash)


def field_name(reader: Reader) -> str:
    """A name in quotes, or words of letters with dashes between them."""

    def plain() -> str:
        return "-".join(reader.listed(lambda: identifier(reader), lambda: _dash(reader)))

    return reader.named(FIELD, lambda: reader.first(lambda: quoted(reader), plain))


def _key(reader: Reader) -> str:
    def word() -> str:
        return reader.run(IN_KEY, least=1).strip()

    def plain() -> str:
        return "-".join(reader.listed(word, lambda: _dash(reader)))

    return reader.named(KEY, lambda: reader.first(lambda: quoted(reader), plain))


def _index(reader: Reader) -> int:
    sign = reader.maybe(lambda: reader.word("-")) or ""
    digits = reader.run(DIGITS, "digit", least=1)
    soon = (partial(ahead, reader, word) for word in ("->", "::", ".", ","))
    reader.first(*soon, lambda: reader.attempt(reader.end))
    return int(sign + digits[:MOST_DIGITS])


def ahead(reader: Reader, word: str) -> None:
    """That this word comes next."""
    reader.attempt(lambda: reader.ahead(lambda: reader.word(word)))


def json_path(reader: Reader) -> tuple[tuple[str, str | int], ...]:
    """Steps into JSON: `->key`, `->>0`."""

    def index() -> str | int:
        return reader.attempt(lambda: _index(reader))

    def key() -> str | int:
        return reader.attempt(lambda: _key(reader))

    def step() -> tuple[str, str | int]:
        return reader.trying("->>", "->"), reader.first(index, key)

    return tuple(reader.many(step))


def field(reader: Reader) -> Field:
    """A column with its steps, and blanks around them."""
    spaces(reader)
    found = Field(field_name(reader), json_path(reader))
    spaces(reader)
    return found


@lru_cache(maxsize=REMEMBERED)
def read_path(text: str) -> tuple[Path, Field]:
    """The embedded rows and the column that a parameter's name means; the rest is passed over."""
    reader = Reader(text, f"failed to parse tree path ({text})")

    def read() -> tuple[Path, Field]:
        *path, name = reader.listed(lambda: field_name(reader), lambda: delimiter(reader))
        return tuple(path), Field(name, json_path(reader))

    return reader.whole(read)


@lru_cache(maxsize=REMEMBERED)
def read_names(text: str, what: str) -> tuple[str, ...]:
    """A list of column names, as in `columns` and `on_conflict`; what follows it is passed over."""
    reader = Reader(text, f"failed to parse {what} ({text})")
    comma = lambda: around(reader, ",")  # noqa: E731
    return tuple(reader.whole(lambda: reader.listed(lambda: field_name(reader), comma)))
