"""This file is where the gateway learns which tables and functions exist."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from local.gateway.statements import read_statements
from local.gateway.ways import ForeignKey, Way, find_ways

SQL = read_statements("catalog.sql")
# PostgREST lifts only these from a function to the whole request; lifting `role` would be a hole.
HOISTED = frozenset({"statement_timeout", "plan_filter.statement_cost_limit"})
# What a function may take whole, without a name.
DOCUMENTS = ("json", "jsonb", "text", "xml", "bytea")
ISOLATION = "default_transaction_isolation"


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """A table or view: its columns' types, its primary key, its columns' default expressions."""

    schema: str
    name: str
    columns: Mapping[str, str]
    key: Sequence[str]
    defaults: Mapping[str, str]
    has_representations: bool
    is_view: bool


@dataclass(frozen=True, slots=True)
class Argument:
    """One input of a function; an empty name means that it has none."""

    name: str
    type: str
    required: bool
    variadic: bool


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """One overload of a function; `columns` is None for a scalar result."""

    schema: str
    name: str
    arguments: Sequence[Argument]
    columns: Mapping[str, str] | None
    returns_set: bool
    volatile: bool
    void: bool
    answers_media: bool
    settings: Mapping[str, str]
    isolation: str
    relation: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """What the exposed schemas held when it was last read."""

    relations: Mapping[tuple[str, str], Relation]
    ways: Sequence[Way]
    functions: Mapping[tuple[str, str], Sequence[Function]]
    role_settings: Mapping[str, Mapping[str, str]]
    media_types: frozenset[str]
    # Functions that no request can call, because an input of theirs has no name.
    of_rows: frozenset[tuple[str, str]]


async def load_catalog(connection: psycopg.AsyncConnection[Any], schemas: Sequence[str]) -> Catalog:
    """Reads the catalog in one snapshot."""
    names = list(schemas)
    async with connection.transaction():
        await connection.execute("set transaction isolation level repeatable read read only")
        # With an empty path every type and default is written with its schema.
        await connection.execute("select set_config('search_path', '', true)")
        relations = await (await connection.execute(SQL["relations"], [names])).fetchall()
        keys = await (await connection.execute(SQL["foreign_keys"], [names, names])).fetchall()
        functions = await (await connection.execute(SQL["functions"], [names])).fetchall()
        settings = await (await connection.execute(SQL["role_settings"])).fetchall()
        media_types = await (await connection.execute(SQL["media_types"], [])).fetchall()
    overloads: dict[tuple[str, str], list[Function]] = defaultdict(list)
    of_rows: set[tuple[str, str]] = set()
    for function in map(_function, functions):
        name = (function.schema, function.name)
        if _can_be_called(function):
            overloads[name].append(function)
        else:
            of_rows.add(name)
    by_role: dict[str, dict[str, str]] = defaultdict(dict)
    for role, name, value in settings:
        by_role[role][name] = value
    return Catalog(
        {(row[0], row[1]): Relation(*row) for row in relations},
        find_ways([ForeignKey(*row) for row in keys]),
        overloads,
        by_role,
        frozenset(name for (name,) in media_types),
        frozenset(of_rows),
    )


def _can_be_called(function: Function) -> bool:
    unnamed = [argument for argument in function.arguments if not argument.name]
    return not unnamed or (len(function.arguments) == 1 and unnamed[0].type in DOCUMENTS)


def _function(row: Sequence[Any]) -> Function:
    schema, name, returns_set, volatile, void, media, *described, columns, config, relation = row
    arguments, outputs = _arguments(*described)
    pairs = dict(setting.split("=", 1) for setting in config)
    return Function(
        schema,
        name,
        arguments,
        columns or outputs or None,
        returns_set,
        volatile,
        void,
        media,
        {key: value for key, value in pairs.items() if key in HOISTED},
        pairs.get(ISOLATION, "").lower(),
        relation,
    )


def _arguments(
    with_default: int, names: Sequence[str], modes: Sequence[str], types: Sequence[str]
) -> tuple[list[Argument], dict[str, str]]:
    inputs: list[tuple[str, str, bool]] = []
    outputs: dict[str, str] = {}
    for place, type_name in enumerate(types):
        mode = modes[place] if modes else "i"
        label = names[place] if place < len(names) else ""
        if mode in "ibv":
            inputs.append((label, type_name, mode == "v"))
        if mode in "bot":
            outputs[label] = type_name
    required = len(inputs) - with_default
    arguments = [
        Argument(label, type_name, place < required, variadic)
        for place, (label, type_name, variadic) in enumerate(inputs)
    ]
    return arguments, outputs


def describe(function: Function) -> str:
    """The overload as PostgREST names it in messages."""
    inputs = ", ".join(f"{argument.name} => {argument.type}" for argument in function.arguments)
    return f"{function.schema}.{function.name}({inputs})"
