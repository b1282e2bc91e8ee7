"""This file is where `select` and `order` are parsed: columns, embedded rows, terms of an order."""

import re
from collections.abc import Callable
from functools import lru_cache, partial

from local.gateway.asked import STAR, Embed, Item, Order, Query
from local.gateway.errors import ApiError
from local.gateway.names import (
    REMEMBERED,
    Field,
    ahead,
    around,
    delimiter,
    field,
    field_name,
    identifier,
    spaces,
)
from local.gateway.reader import Reader, shown

MAX_EMBEDS = 20
AGGREGATES = ("sum", "avg", "count")
COLON = re.compile(":")


@lru_cache(maxsize=REMEMBERED)
def parse_select(text: str) -> tuple[Item | Embed, ...]:
    """The columns of a `select` parameter; what follows a closing bracket is passed over."""
    reader = Reader(text, f"failed to parse select parameter ({text})")
    return reader.whole(lambda: _items(reader)) or STAR


def _items(reader: Reader) -> tuple[Item | Embed, ...]:
    def some() -> list[Item | Embed]:
        return reader.listed(lambda: _item(reader), lambda: around(reader, ","))

    return tuple(reader.first(some, list))


def _item(reader: Reader) -> Item | Embed:
    def embed(read: Callable[[Reader], Embed]) -> Callable[[], Item | Embed]:
        return lambda: _filled(reader, reader.attempt(lambda: read(reader)))

    return reader.first(embed(_spread), embed(_related), lambda: _column(reader))


def _filled(reader: Reader, embed: Embed) -> Embed:
    reader.nodes += 1
    if reader.nodes > MAX_EMBEDS:
        raise ApiError(400, "PGRST100", "too many embedded resources")
    reader.word("(")
    query = Query(_items(reader))
    reader.word(")")
    return Embed(embed.name, query, embed.alias, embed.hint, embed.inner, embed.spread)


def _spread(reader: Reader) -> Embed:
    spaces(reader)
    reader.word("...")
    return _hinted(reader, field_name(reader), "", spread=True)


def _related(reader: Reader) -> Embed:
    spaces(reader)
    alias, name = _alias(reader), field_name(reader)
    if name == "count":
        reader.fail(None)
    return _hinted(reader, name, alias, spread=False)


def _hinted(reader: Reader, name: str, alias: str, *, spread: bool) -> Embed:
    given = [reader.maybe(lambda: _hint(reader)) for _ in range(2)]
    hints = [words[1] for words in given if words and words[0] == "hint"]
    kinds = [words[0] for words in given if words and words[0] != "hint"]
    ahead(reader, "(")
    spaces(reader)
    inner = bool(kinds) and kinds[0] == "inner"
    return Embed(name, Query(()), alias, hints[0] if hints else "", inner, spread)


def _hint(reader: Reader) -> tuple[str, str]:
    reader.word("!")
    return reader.first(
        lambda: (reader.trying("left"), ""),
        lambda: (reader.trying("inner"), ""),
        lambda: reader.attempt(lambda: ("hint", field_name(reader))),
    )


def _alias(reader: Reader) -> str:
    def alias() -> str:
        name = field_name(reader)
        reader.word(":")
        reader.but_not(COLON, shown(":"))
        return name

    return reader.maybe(lambda: reader.attempt(alias)) or ""


def _column(reader: Reader) -> Item:
    def star() -> Item:
        reader.word("*")
        _ended(reader)
        return STAR[0]

    def counted() -> Item:
        alias = _alias(reader)
        reader.word("count()")
        cast = _cast(reader)
        _ended(reader)
        return Item(Field("*"), cast, alias, aggregates=True)

    def plain() -> Item:
        alias, named, cast = _alias(reader), field(reader), _cast(reader)
        aggregates = reader.maybe(lambda: reader.attempt(lambda: _aggregate(reader)))
        outer = _cast(reader)
        _ended(reader)
        return Item(named, cast or outer, alias, bool(aggregates))

    spaces(reader)
    found = reader.first(lambda: reader.attempt(star), lambda: reader.attempt(counted), plain)
    spaces(reader)
    return found


def _cast(reader: Reader) -> str:
    def cast() -> str:
        reader.word("::")
        # Blanks alone are a cast too, which nobody understands.
        return identifier(reader) or " "

    return reader.maybe(cast) or ""


def _aggregate(reader: Reader) -> str:
    reader.word(".")
    ways = (partial(reader.word, word) for word in AGGREGATES)
    return reader.first(*ways, lambda: reader.trying("max", "min")) + reader.word("()")


def _ended(reader: Reader) -> None:
    reader.first(
        lambda: ahead(reader, ")"), lambda: ahead(reader, ","), lambda: reader.attempt(reader.end)
    )


@lru_cache(maxsize=REMEMBERED)
def parse_order(text: str) -> tuple[Order, ...]:
    """The terms of an `order` parameter."""
    reader = Reader(text, f"failed to parse order ({text})")

    def term() -> Order:
        spaces(reader)
        found = reader.first(
            lambda: reader.attempt(lambda: _term(reader, embedded=True)),
            lambda: _term(reader, embedded=False),
        )
        spaces(reader)
        return found

    return tuple(reader.whole(lambda: reader.listed(term, lambda: reader.word(","))))


def _term(reader: Reader, *, embedded: bool) -> Order:
    name = ""
    if embedded:
        name = field_name(reader)
        reader.word("(")
    subject = field(reader)
    if embedded:
        reader.word(")")
    direction = reader.maybe(lambda: _dotted(reader, "asc", "desc")) or ""

    def nulls() -> str:
        found = reader.maybe(lambda: _dotted(reader, "nullsfirst", "nullslast")) or ""
        _closed(reader)
        return found

    def none() -> str:
        _closed(reader)
        return ""

    return Order(subject, direction, reader.first(nulls, none), name)


def _dotted(reader: Reader, *words: str) -> str:
    def dotted(word: str) -> Callable[[], str]:
        def read() -> str:
            delimiter(reader)
            return reader.word(word)

        return lambda: reader.attempt(read)

    return reader.first(*map(dotted, words))


def _closed(reader: Reader) -> None:
    reader.first(lambda: ahead(reader, ","), lambda: reader.attempt(reader.end))
