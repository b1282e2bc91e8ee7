"""This file is where a query string is parsed into what the caller asks for; it knows no SQL."""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NoReturn

from local.gateway.errors import ApiError, not_implemented

MAX_DEPTH, MAX_NODES = 12, 500
SEARCHES = frozenset({"fts", "plfts", "phfts", "wfts"})
QUANTIFIED = frozenset({"eq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch"})
OPERATORS = QUANTIFIED | SEARCHES | {
    "neq", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj", "isdistinct", "in", "is",
}  # fmt: skip
TRUTHS = frozenset({"null", "not_null", "true", "false", "unknown"})
CASTS = frozenset({
    "text", "int", "int4", "int8", "integer", "bigint", "smallint", "numeric", "float8", "real",
    "boolean", "bool", "date", "timestamptz", "timestamp", "json", "jsonb", "uuid",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A column, and the way into it when it holds JSON: (arrow, key or index) steps."""

    name: str
    path: tuple[tuple[str, str | int], ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of `select`; the name `*` without an alias means every column."""

    field: Field
    cast: str = ""
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter on one field."""

    field: Field
    negated: bool
    operator: str
    value: str | tuple[str, ...]
    quantifier: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions joined by `and` or `or`."""

    negated: bool
    operator: str
    members: tuple["Condition | Group", ...]


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


@dataclass(slots=True)
class Reader:
    """A cursor over one parameter's text; `what` names it in messages."""

    text: str
    what: str
    at: int = 0
    nodes: int = field(default=0)

    def fail(self, expected: str) -> NoReturn:
        found = repr(self.text[self.at]) if self.at < len(self.text) else "end of input"
        place = f"(line 1, column {self.at + 1})"
        message = f'"failed to parse {self.what} ({self.text})" {place}'
        raise ApiError(400, "PGRST100", message, f"unexpected {found} expecting {expected}")

    def done(self) -> bool:
        return self.at >= len(self.text)

    def peek(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def take(self, text: str) -> bool:
        found = self.peek(text)
        self.at += len(text) if found else 0
        return found

    def need(self, text: str) -> None:
        if not self.take(text):
            self.fail(f'"{text}"')

    def match(self, pattern: str) -> str:
        found = re.compile(pattern).match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found[0] if found else ""

    def spaces(self) -> None:
        self.match(r"[ \t]*")

    def quoted(self) -> str | None:
        found = self.match(r'"(?:[^"\\]|\\.)*"')
        return re.sub(r"\\(.)", r"\1", found[1:-1], flags=re.DOTALL) if found else None

    def name(self) -> str:
        quoted = self.quoted()
        if quoted is not None:
            return quoted
        found = self.match(r"(?:[\w$ ]|-(?!>))+").strip(" ")
        return found or self.fail("field name (* or [a..z0..9_$])")

    def path(self) -> tuple[tuple[str, str | int], ...]:
        steps: list[tuple[str, str | int]] = []
        while arrow := self.match(r"->>?"):
            quoted = self.quoted()
            if quoted is not None:
                steps.append((arrow, quoted))
            elif index := self.match(r"-?\d{1,9}(?=->|::|[.,):]|$)"):
                steps.append((arrow, int(index)))
            else:
                key = self.match(r'(?:(?!->|::)[^.,():"])+')
                steps.append((arrow, key or self.fail("json key")))
        return tuple(steps)

    def field(self) -> Field:
        return Field(self.name(), self.path())

    def list_value(self, ends: str) -> str:
        start, quoted = self.at, self.quoted()
        if quoted is not None and (self.done() or self.text[self.at] in ends):
            return quoted
        self.at = start
        return self.match(r"[^,)]*")


def _condition(reader: Reader, subject: Field, *, in_group: bool) -> Condition:
    negated = reader.take("not.")
    start = reader.at
    operator = reader.match("[a-z]+")
    if operator not in OPERATORS:
        reader.at = start
        reader.fail('"not" or operator (eq, gt, ...)')
    if operator == "in":
        return Condition(subject, negated, operator, _list(reader))
    if operator == "is":
        return Condition(subject, negated, operator, _truth(reader))
    quantifier = language = ""
    if operator in SEARCHES and reader.take("("):
        language = reader.match(r"[\w $]+") or reader.fail("language")
        reader.need(")")
    elif operator in QUANTIFIED and reader.take("("):
        quantifier = reader.match("any|all") or reader.fail("any or all")
        reader.need(")")
    if not reader.take("."):
        reader.fail("delimiter (.)")
    value = _group_value(reader) if in_group else reader.match(r"[\s\S]*")
    return Condition(subject, negated, operator, value, quantifier, language)


def _list(reader: Reader) -> tuple[str, ...]:
    reader.need(".")
    reader.spaces()
    reader.need("(")
    values = [reader.list_value(",)")]
    while reader.take(","):
        values.append(reader.list_value(",)"))
    reader.spaces()
    reader.need(")")
    reader.spaces()
    return () if values == [""] else tuple(values)


def _truth(reader: Reader) -> str:
    reader.need(".")
    word = reader.match("[A-Za-z_]+").lower()
    return word if word in TRUTHS else reader.fail("null, not_null, true, false or unknown")


def _group_value(reader: Reader) -> str:
    if reader.peek('"'):
        return reader.list_value(",)")
    return reader.match(r"\{[^{}]*\}") or reader.match(r"[^,)]*")


def _group(reader: Reader, depth: int = 0) -> Condition | Group:
    reader.nodes += 1
    if depth > MAX_DEPTH or reader.nodes > MAX_NODES:
        raise ApiError(400, "PGRST100", "logic tree too deep or too large")
    start = reader.at
    negated = reader.take("not.")
    operator = reader.match(r"(?:and|or)(?=\s*\()")
    if not operator:
        reader.at = start
        subject = reader.field()
        if not reader.take("."):
            reader.fail("delimiter (.)")
        return _condition(reader, subject, in_group=True)
    reader.spaces()
    reader.need("(")
    members: list[Condition | Group] = []
    while not members or reader.take(","):
        reader.spaces()
        members.append(_group(reader, depth + 1))
        reader.spaces()
    reader.need(")")
    reader.spaces()
    return Group(negated, operator, tuple(members))


def parse_logic(name: str, text: str) -> Condition | Group:
    """An `or=(...)` or `not.and=(...)` parameter."""
    reader = Reader(name + text, "logic tree")
    found = _group(reader)
    return found if reader.done() else reader.fail("end of input")


def parse_filter(name: str, text: str) -> Condition:
    """A `column=operator.value` parameter."""
    key = Reader(name, "tree path")
    subject = key.field()
    if key.peek("."):
        raise _not_embedded(subject.name)
    if not key.done():
        key.fail("end of input")
    reader = Reader(text, "filter")
    found = _condition(reader, subject, in_group=False)
    return found if reader.done() else reader.fail("end of input")


def _not_embedded(name: str) -> ApiError:
    return ApiError(
        400,
        "PGRST108",
        f"'{name}' is not an embedded resource in this request",
        hint=f"Verify that '{name}' is included in the 'select' query parameter.",
    )


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
        raise _not_embedded(path)
    try:
        return replace(query, where=(*query.where, parse_filter(name, text)))
    except ApiError:
        if not arguments:
            raise
    return replace(query, arguments=(*query.arguments, (name, text)))
