"""This file is where a query string is parsed into what the caller asks for; it knows no SQL."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from local.gateway.errors import ApiError, not_implemented
from local.gateway.filters import Condition, Group, not_embedded, parse_filter, parse_logic
from local.gateway.reader import Field, Reader

CASTS = frozenset({
    "text", "int", "int4", "int8", "integer", "bigint", "smallint", "numeric", "float8", "real",
    "boolean", "bool", "date", "timestamptz", "timestamp", "json", "jsonb", "uuid",
})  # fmt: skip
MAX_EMBEDS = 20
# The name of what is embedded, before the name of what narrows it.
INSIDE = re.compile(r'("(?:[^"\\]|\\.)*"|(?:[\w$ ]|-(?!>))+)\.')


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of `select`; the name `*` without an alias means every column."""

    field: Field
    cast: str = ""
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One term of `order`; empty words mean PostgreSQL's own choice."""

    field: Field
    direction: str
    nulls: str


STAR = (Item(Field("*")),)


@dataclass(frozen=True, slots=True)
class Embed:
    """Rows of another table inside each row; spread, their columns stand beside the row's own."""

    name: str
    query: "Query"
    alias: str
    hint: str
    inner: bool
    spread: bool

    @property
    def label(self) -> str:
        return self.alias or self.name

    @property
    def is_shown(self) -> bool:
        """Not when it is there for its filters only, as in `clients!inner()`."""
        return any(isinstance(item, Item) or item.is_shown for item in self.query.select)


@dataclass(frozen=True, slots=True)
class Query:
    """Everything a query string can ask for within the subset."""

    select: tuple[Item | Embed, ...] = STAR
    where: tuple[Condition | Group, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] = ()
    arguments: tuple[tuple[str, str], ...] = ()


def parse_select(text: str) -> tuple[Item | Embed, ...]:
    """The columns of a `select` parameter; aggregates are off, as on the platform."""
    if text == "":
        return STAR
    reader = Reader(text, "select parameter")
    items = _items(reader)
    # PostgREST passes over what follows the last closing bracket.
    if not reader.done() and isinstance(items[-1], Item):
        reader.need(",")
    return items


def _items(reader: Reader) -> tuple[Item | Embed, ...]:
    items = [_item(reader)]
    while reader.take(","):
        items.append(_item(reader))
    return tuple(items)


def _item(reader: Reader) -> Item | Embed:
    reader.spaces()
    if reader.take("*"):
        reader.spaces()
        return STAR[0]
    spread, alias = reader.take("..."), ""
    name = reader.name()
    if reader.peek(":") and not reader.peek("::"):
        reader.need(":")
        alias, name = name, reader.name()
    path, cast = reader.path(), ""
    if reader.take("::"):
        cast = reader.match(r"[\w $]+").strip() or reader.fail("letter or digit")
        if cast not in CASTS:
            raise not_implemented(f"cast to {cast}")
    if reader.peek(".") or (name == "count" and reader.peek("()")):
        raise ApiError(400, "PGRST123", "Use of aggregate functions is not allowed")
    if spread or reader.peek("(") or reader.peek("!"):
        return _embed(reader, name, alias, spread)
    reader.spaces()
    return Item(Field(name, path), cast, alias)


def _embed(reader: Reader, name: str, alias: str, spread: bool) -> Embed:
    reader.nodes += 1
    if reader.nodes > MAX_EMBEDS:
        raise ApiError(400, "PGRST100", "too many embedded resources")
    words = [reader.name() for _ in range(2) if reader.take("!")]
    hints = [word for word in words if word not in ("left", "inner")]
    reader.need("(")
    reader.spaces()
    items = () if reader.peek(")") else _items(reader)
    reader.need(")")
    reader.spaces()
    hint = hints[0] if hints else ""
    return Embed(name, Query(items), alias, hint, "inner" in words, spread)


def parse_order(text: str) -> tuple[Order, ...]:
    """The terms of an `order` parameter."""
    reader = Reader(text, "order")
    terms: list[Order] = []
    while not terms or reader.take(","):
        reader.spaces()
        subject = reader.field()
        if reader.peek("("):
            raise not_implemented("order by an embedded resource")
        direction = reader.match(r"\.(?:asc|desc)(?=[.,]|$)")[1:]
        nulls = reader.match(r"\.(?:nullsfirst|nullslast)")[1:]
        if nulls and not (reader.done() or reader.peek(",")):
            reader.fail('"," or end of input')
        terms.append(Order(subject, direction, nulls))
        reader.spaces()
    return (
        tuple(terms) if reader.done() else reader.fail('"asc", "desc", "nullsfirst" or "nullslast"')
    )


def parse_names(text: str, what: str) -> tuple[str, ...]:
    """A list of column names, as in `columns` and `on_conflict`."""
    reader = Reader(text, what)
    names: list[str] = []
    while not names or reader.take(","):
        reader.spaces()
        names.append(reader.name())
        reader.spaces()
    return tuple(names) if reader.done() else reader.fail("end of input")


@lru_cache(maxsize=128)
def parse_query(parameters: tuple[tuple[str, str], ...], *, arguments: bool = False) -> Query:
    """A whole query string; with `arguments` what is no filter is an argument of a function."""
    query = Query()
    # What is embedded must be known before it is narrowed.
    for name, text in sorted(parameters, key=lambda parameter: parameter[0] != "select"):
        query = _with(query, name, text, arguments)
    return query


def _with(query: Query, name: str, text: str, arguments: bool) -> Query:
    match name:
        case "select":
            return replace(query, select=parse_select(text))
        case "columns":
            return replace(query, columns=parse_names(text, "columns parameter"))
        case "on_conflict":
            return replace(query, on_conflict=parse_names(text, "on_conflict parameter"))
    return _narrowed(query, name, text, arguments)


def _narrowed(query: Query, name: str, text: str, arguments: bool) -> Query:
    match name:
        case "order":
            return replace(query, order=parse_order(text))
        case "limit" | "offset":
            return _with_range(query, name, text)
        case "and" | "or" | "not.and" | "not.or":
            return replace(query, where=(*query.where, parse_logic(name, text)))
    if inside := INSIDE.match(name):
        return _with_embedded(query, inside[1].strip('" '), name[inside.end() :], text, arguments)
    return _with_filter(query, name, text, arguments)


def _with_embedded(query: Query, head: str, rest: str, text: str, arguments: bool) -> Query:
    embeds = {place: item for place, item in enumerate(query.select) if isinstance(item, Embed)}
    named = [place for place, item in embeds.items() if item.label == head]
    for place in named or [place for place, item in embeds.items() if item.name == head]:
        item = embeds[place]
        changed = replace(item, query=_narrowed(item.query, rest, text, arguments=False))
        return replace(query, select=(*query.select[:place], changed, *query.select[place + 1 :]))
    if arguments and rest not in ("order", "limit", "offset", "and", "or"):
        return replace(query, arguments=(*query.arguments, (f"{head}.{rest}", text)))
    raise not_embedded(head)


def _with_range(query: Query, name: str, text: str) -> Query:
    if not re.fullmatch(r"-?\d{1,18}", text):
        return query  # PostgREST passes over a limit it cannot read
    number = int(text)
    if name == "offset":
        return replace(query, offset=max(number, 0))
    if number < 0:
        details = "Limit should be greater than or equal to zero."
        raise ApiError(416, "PGRST103", "Requested range not satisfiable", details)
    return replace(query, limit=number)


def _with_filter(query: Query, name: str, text: str, arguments: bool) -> Query:
    try:
        return replace(query, where=(*query.where, parse_filter(name, text)))
    except ApiError:
        if not arguments:
            raise
    return replace(query, arguments=(*query.arguments, (name, text)))
