"""This file is where filters are parsed: one condition, or a tree of and and or."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from local.gateway.errors import ApiError
from local.gateway.names import (
    Field,
    Path,
    around,
    delimiter,
    field,
    field_name,
    identifier,
    quoted,
    read_path,
)
from local.gateway.reader import MET, Reader, Trouble, shown

MAX_DEPTH, MAX_NODES = 12, 500
SEARCHES = ("fts", "plfts", "phfts", "wfts")
# In PostgREST's order: what begins like another comes after it.
QUANTIFIED = ("eq", "gte", "gt", "lte", "lt", "like", "ilike", "match", "imatch")
SIMPLE = ("neq", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj")
TRUTHS = ("null", "not_null", "true", "false", "unknown")
# Nearly all filters; read without looking for what else they might be, in a tenth of the time.
PLAIN = re.compile(rf"(not\.)?(isdistinct|{'|'.join(SIMPLE + QUANTIFIED + SEARCHES)})\.([\s\S]*)")
REST = re.compile(r"[\s\S]*")
ELEMENT, AFTER = re.compile(r"[^,)]*"), re.compile(r"[^,)]")
IN_BRACES = re.compile(r"[^{}]*")


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


def _condition(reader: Reader, subject: Field, value: Callable[[], str]) -> Condition:
    negated = _negated(reader)

    def dotted(word: str) -> None:
        reader.word(word)
        delimiter(reader)

    def begun(word: str, read: Callable[[], str | tuple[str, ...]]) -> Condition:
        reader.attempt(partial(dotted, word))
        return Condition(subject, negated, word, read())

    def other(ways: tuple[str, ...], extra: Callable[[], tuple[str, str]]) -> Condition:
        operator = reader.named("unknown single value operator", lambda: reader.trying(*ways))
        quantifier, language = extra()
        delimiter(reader)
        return Condition(subject, negated, operator, value(), quantifier, language)

    ways: list[Callable[[], Condition]] = [
        partial(begun, "in", lambda: _list(reader)),
        partial(begun, "is", lambda: _truth(reader)),
        partial(begun, "isdistinct", value),
    ]
    others = (
        (SEARCHES, lambda: ("", _bracketed(reader, identifier))),
        (SIMPLE, lambda: ("", "")),
        (QUANTIFIED, lambda: (_bracketed(reader, _quantifier), "")),
    )
    ways += [partial(reader.attempt, partial(other, *some)) for some in others]
    return reader.named("operator (eq, gt, ...)", lambda: reader.first(*ways))


def _negated(reader: Reader) -> bool:
    def no() -> bool:
        reader.word("not")
        delimiter(reader)
        return True

    return reader.first(lambda: reader.attempt(no), lambda: False)


def _bracketed(reader: Reader, read: Callable[[Reader], str]) -> str:
    def bracketed() -> str:
        reader.word("(")
        found = read(reader)
        reader.word(")")
        return found

    return reader.maybe(lambda: reader.attempt(bracketed)) or ""


def _quantifier(reader: Reader) -> str:
    return reader.first(lambda: reader.trying("any"), lambda: reader.word("all"))


def _list(reader: Reader) -> tuple[str, ...]:
    around(reader, "(")
    values = reader.listed(lambda: _element(reader), lambda: reader.word(","))
    around(reader, ")")
    return () if values == [""] else tuple(values)


def _alone(reader: Reader) -> str:
    found = quoted(reader)
    reader.but_not(AFTER)
    return found


def _element(reader: Reader) -> str:
    return reader.first(lambda: reader.attempt(lambda: _alone(reader)), lambda: reader.run(ELEMENT))


def _truth(reader: Reader) -> str:
    def cased(word: str) -> str:
        for place, letter in enumerate(word):
            met = reader.text[reader.at + place : reader.at + place + 1]
            if met not in (letter, letter.upper()) or not met:
                reader.fail(Trouble(reader.at + place, ((MET, shown(met) if met else ""),)))
        reader.step(len(word))
        return word

    ways = [partial(reader.attempt, partial(cased, word)) for word in TRUTHS]
    name = "isVal: (null, not_null, true, false, unknown)"
    return reader.named(name, lambda: reader.first(*ways))


def _group_value(reader: Reader) -> str:
    def braces() -> str:
        return reader.word("{") + reader.run(IN_BRACES) + reader.word("}")

    return reader.first(
        lambda: reader.attempt(lambda: _alone(reader)),
        lambda: reader.attempt(braces),
        lambda: reader.run(ELEMENT),
    )


def _group(reader: Reader, depth: int = 0) -> Condition | Group:
    reader.nodes += 1
    if depth > MAX_DEPTH or reader.nodes > MAX_NODES:
        raise ApiError(400, "PGRST100", "logic tree too deep or too large")

    def condition() -> Condition | Group:
        subject = field(reader)
        delimiter(reader)
        return _condition(reader, subject, lambda: _group_value(reader))

    def group() -> Condition | Group:
        negated = reader.named("negation operator (not)", lambda: _negated(reader))
        operator = reader.named(
            "logic operator (and, or)",
            lambda: reader.first(lambda: reader.trying("and"), lambda: reader.word("or")),
        )
        around(reader, "(")
        members = reader.listed(lambda: _group(reader, depth + 1), lambda: around(reader, ","))
        around(reader, ")")
        return Group(negated, operator, tuple(members))

    return reader.first(lambda: reader.attempt(condition), group)


def parse_logic(name: str, text: str) -> tuple[Path, Condition | Group]:
    """An `or=(...)` or `teams.not.and=(...)` parameter; what follows it is passed over."""
    key = Reader(name, f"failed to parse logic path ({name})")
    words = key.whole(lambda: key.listed(lambda: field_name(key), lambda: delimiter(key)))
    operator = f"not.{words[-1]}" if "not" in words else words[-1]
    reader = Reader(operator + text, f"failed to parse logic tree ({text})")
    path = tuple(word for word in words[:-1] if word != "not")
    return path, reader.whole(lambda: _group(reader))


def parse_filter(name: str, text: str, *, arguments: bool) -> tuple[Path, Field, Condition | None]:
    """A `column=operator.value` parameter; with `arguments` None when it is none of these."""
    path, subject = read_path(name)
    if plain := PLAIN.fullmatch(text):
        negation, operator, value = plain.groups()
        return path, subject, Condition(subject, bool(negation), operator, value)
    reader = Reader(text, f"failed to parse filter ({text})")

    def read() -> Condition | None:
        return _condition(reader, subject, lambda: reader.run(REST))

    return path, subject, reader.whole((lambda: reader.maybe(read)) if arguments else read)
