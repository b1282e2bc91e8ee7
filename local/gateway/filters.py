"""This file is where filters are parsed: one condition, or a tree of and and or."""

from dataclasses import dataclass

from local.gateway.errors import ApiError
from local.gateway.reader import FIELD, Field, Reader

MAX_DEPTH, MAX_NODES = 12, 500
SEARCHES = frozenset({"fts", "plfts", "phfts", "wfts"})
QUANTIFIED = frozenset({"eq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch"})
OPERATORS = QUANTIFIED | SEARCHES | {
    "neq", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj", "isdistinct", "in", "is",
}  # fmt: skip
TRUTHS = frozenset({"null", "not_null", "true", "false", "unknown"})


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
    reader.spaces()
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
        if reader.peek(")"):
            reader.fail(f"{FIELD}, negation operator (not) or logic operator (and, or)")
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
    # PostgREST passes over what follows the last closing bracket.
    return _group(Reader(name + text, "logic tree", text))


def parse_filter(name: str, text: str) -> Condition:
    """A `column=operator.value` parameter."""
    key = Reader(name, "tree path")
    subject = key.field()
    if key.peek("."):
        raise not_embedded(subject.name)
    if not key.done():
        key.fail("end of input")
    reader = Reader(text, "filter")
    found = _condition(reader, subject, in_group=False)
    return found if reader.done() else reader.fail("end of input")


def not_embedded(name: str) -> ApiError:
    """The answer to a filter on another table, which would have to be embedded."""
    return ApiError(
        400,
        "PGRST108",
        f"'{name}' is not an embedded resource in this request",
        hint=f"Verify that '{name}' is included in the 'select' query parameter.",
    )
