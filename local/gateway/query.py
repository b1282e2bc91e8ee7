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
class Query:
    """Everything a query string can ask for within the subset."""

    select: tuple[Item, ...] = STAR
    where: tuple[Condition | Group, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] = ()
    arguments: tuple[tuple[str, str], ...] = ()


def parse_select(text: str) -> tuple[Item, ...]:
    """The columns of a `select` parameter; aggregates are off, as on the platform."""
    if text == "":
        return STAR
    reader = Reader(text, "select parameter")
    items = [_item(reader)]
    while not reader.done():
        reader.need(",")
        items.append(_item(reader))
    return tuple(items)


def _item(reader: Reader) -> Item:
    reader.spaces()
    if reader.take("*"):
        reader.spaces()
        return STAR[0]
    if reader.peek("..."):
        raise not_implemented("resource embedding")
    alias, name = "", reader.name()
    if reader.peek(":") and not reader.peek("::"):
        reader.need(":")
        alias, name = name, reader.name()
    path, cast = reader.path(), ""
    if reader.take("::"):
        cast = reader.match(r"[\w $]+").strip() or reader.fail("letter or digit")
        if cast not in CASTS:
            raise not_implemented(f"cast to {cast}")
    _refuse_call(reader, name)
    reader.spaces()
    return Item(Field(name, path), cast, alias)


def _refuse_call(reader: Reader, name: str) -> None:
    if reader.peek(".") or (name == "count" and reader.peek("()")):
        raise ApiError(400, "PGRST123", "Use of aggregate functions is not allowed")
    if reader.peek("(") or reader.peek("!"):
        raise not_implemented("resource embedding")


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
        nulls = reader.match(r"\.(?:nullsfirst|nullslast)(?=,|$)")[1:]
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
    for name, text in parameters:
        query = _with(query, name, text, arguments)
    return query


def _with(query: Query, name: str, text: str, arguments: bool) -> Query:
    match name:
        case "select":
            return replace(query, select=parse_select(text))
        case "order":
            return replace(query, order=parse_order(text))
        case "columns":
            return replace(query, columns=parse_names(text, "columns parameter"))
        case "on_conflict":
            return replace(query, on_conflict=parse_names(text, "on_conflict parameter"))
        case "limit" | "offset":
            return _with_range(query, name, text)
        case "and" | "or" | "not.and" | "not.or":
            return replace(query, where=(*query.where, parse_logic(name, text)))
    return _with_filter(query, name, text, arguments)


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
    path, _, last = name.rpartition(".")
    if path and last in ("order", "limit", "offset", "and", "or"):
        raise not_embedded(path)
    try:
        return replace(query, where=(*query.where, parse_filter(name, text)))
    except ApiError:
        if not arguments:
            raise
    return replace(query, arguments=(*query.arguments, (name, text)))
