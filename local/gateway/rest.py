"""This file is where tables and views are read and written."""

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from psycopg.sql import SQL, Composable, Composed
from starlette.responses import Response

from local.gateway.answers import (
    page_range,
    page_status,
    refuse_too_many,
    refuse_unless_single,
    respond,
)
from local.gateway.call import Call
from local.gateway.catalog import Catalog, Relation
from local.gateway.compose import EMPTY, Composer, body, comma, envelope, identifier, trusted
from local.gateway.config import Config
from local.gateway.database import Answer, Database, Work
from local.gateway.errors import ApiError, not_implemented
from local.gateway.query import Query, parse_query

NO_COUNT = SQL("null::bigint")
# Counts down for every row that existed, so that an upsert which made nothing new is a 200 and not a 201.
KEPT = SQL(
    "set_config('pgrst.kept', (coalesce(nullif(current_setting('pgrst.kept', true), '')::int, 0) + 1)::text, true) <> ''"
)


async def answer_table(call: Call, config: Config, database: Database) -> Response:
    """Answers any request for a table or view."""
    catalog = database.catalog
    relation = _relation(call, catalog)
    query = parse_query(call.parameters)
    if call.reads:
        return await _read(call, config, database, relation, query)
    if query.limit is not None or query.offset:
        raise not_implemented("limit and offset on a write")
    return await _write(call, config, database, relation, query)


def _relation(call: Call, catalog: Catalog) -> Relation:
    found = catalog.relations.get((call.schema, call.name))
    if found is None:
        names = [name for schema, name in catalog.relations if schema == call.schema]
        near = difflib.get_close_matches(call.name, names, 1, 0.75)
        raise ApiError(
            404,
            "PGRST205",
            f"Could not find the table '{call.schema}.{call.name}' in the schema cache",
            hint=f"Perhaps you meant the table '{call.schema}.{near[0]}'" if near else None,
        )
    return found


async def _read(
    call: Call, config: Config, database: Database, relation: Relation, query: Query
) -> Response:
    composer = Composer(relation.name, relation.columns, relation.name)
    source = SQL(" from {} as {}").format(
        identifier(relation.schema, relation.name), composer.alias
    )
    where = composer.where(query.where)
    rows = SQL("select {}{}{}{}{}").format(
        composer.select(query.select),
        source,
        where,
        composer.order(query.order),
        composer.page(query, config.max_rows),
    )
    total = SQL("(select count(*){}{})").format(source, where) if call.counts else NO_COUNT
    form = "none" if call.method == "HEAD" else call.media.form
    text = body(form, strip_nulls=call.media.strip_nulls)
    statement = envelope(rows, text, total, EMPTY)
    settings = call.settings(config, database.catalog, {})
    answer = await database.run(Work(statement, composer.parameters, settings, write=False))
    refuse_unless_single(call, answer.rows)
    return respond(
        call,
        answer,
        page_status(query.offset, answer.rows, answer.total),
        page_range(query.offset, answer.rows, answer.total),
        ("count", "handling", "timezone"),
        call.media.content_type,
    )


async def _write(
    call: Call, config: Config, database: Database, relation: Relation, query: Query
) -> Response:
    target = Composer("_target", relation.columns, relation.name)
    changed = _change(call, config, relation, query, target)
    if changed is None:
        empty = "null" if call.media.form == "object" else "[]"
        answer = Answer(0, empty if call.wants_rows else "", None, None, None)
        refuse_unless_single(call, 0)
    else:
        answer = await _run_write(call, config, database, relation, query, target, changed)
    return _written(call, answer)


async def _run_write(
    call: Call,
    config: Config,
    database: Database,
    relation: Relation,
    query: Query,
    target: Composer,
    changed: Composable,
) -> Answer:
    outer = Composer(relation.name, relation.columns, relation.name)
    outer.parameters = target.parameters
    items = outer.select(query.select) if call.wants_rows else SQL("1")
    order = outer.order(query.order) if call.wants_rows else EMPTY
    source = SQL("_changed as ({}{}), ").format(changed, _returning(call, query, target))
    rows = SQL("select {} from _changed as {}{}").format(items, outer.alias, order)
    form = call.media.form if call.wants_rows else "none"
    text = body(form, strip_nulls=call.media.strip_nulls)
    kept = SQL("nullif(current_setting('pgrst.kept', true), '')::bigint")
    statement = envelope(rows, text, kept, source)

    def check(answer: Answer) -> None:
        refuse_unless_single(call, answer.rows)
        if call.method != "POST":
            refuse_too_many(call, answer.rows)

    settings = call.settings(config, database.catalog, {})
    work = Work(statement, outer.parameters, settings, write=True, check=check)
    return await database.run(work)


def _returning(call: Call, query: Query, target: Composer) -> Composable:
    """Only what the answer shows: return=minimal needs no right to read, and a column not asked for needs none."""
    if not call.wants_rows:
        return SQL(" returning 1")
    names = [item.field.name for item in query.select]
    names += [term.field.name for term in query.order]
    if "*" in names:
        return SQL(" returning {}.*").format(target.alias)
    return SQL(" returning {}").format(comma(map(target.column, dict.fromkeys(names))))


def _change(
    call: Call, config: Config, relation: Relation, query: Query, target: Composer
) -> Composable | None:
    if call.method == "POST":
        return _insert(call, relation, query, target)
    if config.safeupdate and not query.where:
        verb = "UPDATE" if call.method == "PATCH" else "DELETE"
        raise ApiError(400, "21000", f"{verb} requires a WHERE clause")
    if call.method == "PATCH":
        return _update(call, relation, query, target)
    table = identifier(relation.schema, relation.name)
    where = target.where(query.where)
    return SQL("delete from {} as {}{}").format(table, target.alias, where)


def _insert(call: Call, relation: Relation, query: Query, target: Composer) -> Composable | None:
    value = call.json()
    rows = value if isinstance(value, list) else [value]
    columns = _payload_columns(rows, query, relation)
    if not rows or (not columns and isinstance(value, list)):
        return None
    table = identifier(relation.schema, relation.name)
    head = SQL("insert into {} as {}").format(table, target.alias)
    if not columns:
        return SQL("{} default values{}").format(head, _on_conflict(call, relation, query, ()))
    return SQL("{} ({}) select {} from {}{}").format(
        head,
        comma(map(identifier, columns)),
        comma(identifier("_new", name) for name in columns),
        _payload(call, rows, columns, relation, target),
        _on_conflict(call, relation, query, columns),
    )


def _payload_columns(rows: Sequence[Any], query: Query, relation: Relation) -> tuple[str, ...]:
    if any(not isinstance(row, dict) for row in rows):
        raise ApiError(400, "PGRST102", "All object keys must match")
    columns = query.columns
    if columns is None:
        columns = tuple(rows[0]) if rows else ()
        if any(row.keys() != rows[0].keys() for row in rows):
            raise ApiError(400, "PGRST102", "All object keys must match")
    _refuse_unknown(columns, relation)
    return columns


def _refuse_unknown(columns: Iterable[str], relation: Relation) -> None:
    for name in columns:
        if name not in relation.columns:
            message = f"Could not find the '{name}' column of '{relation.name}' in the schema cache"
            raise ApiError(400, "PGRST204", message)


def _payload(
    call: Call,
    rows: Sequence[Any],
    columns: Sequence[str],
    relation: Relation,
    target: Composer,
) -> Composable:
    types = _types(columns, relation)
    if call.preferences.get("missing") != "default":
        text = call.text if call.text.lstrip().startswith("[") else f"[{call.text}]"
        return SQL("json_to_recordset({}::json) as _new ({})").format(target.value(text), types)
    defaults = [
        SQL("{}::text, {}").format(target.value(name), trusted(expression))
        for name, expression in relation.defaults.items()
        if name in columns
    ]
    return SQL(
        "jsonb_array_elements({}::jsonb) as _row, lateral"
        " jsonb_to_record(jsonb_build_object({}) || _row) as _new ({})"
    ).format(target.value(json.dumps(rows)), comma(defaults), types)


def _types(columns: Sequence[str], relation: Relation) -> Composed:
    return comma(
        SQL("{} {}").format(identifier(name), trusted(relation.columns[name])) for name in columns
    )


def _on_conflict(
    call: Call, relation: Relation, query: Query, columns: Sequence[str]
) -> Composable:
    resolution = call.preferences.get("resolution")
    keys = query.on_conflict or relation.key
    if not resolution or not keys:
        return EMPTY
    _refuse_unknown(keys, relation)
    head = SQL(" on conflict ({})").format(comma(map(identifier, keys)))
    if resolution == "ignore-duplicates" or not columns:
        return SQL("{} do nothing").format(head)
    pairs = comma(
        SQL("{} = {}").format(identifier(name), identifier("excluded", name)) for name in columns
    )
    return SQL("{} do update set {} where {}").format(head, pairs, KEPT)


def _update(call: Call, relation: Relation, query: Query, target: Composer) -> Composable | None:
    if "missing" in call.preferences:
        raise not_implemented("Prefer: missing on an update")
    value = call.json()
    value = value[0] if isinstance(value, list) and value else value
    if not isinstance(value, dict):
        raise ApiError(400, "PGRST102", "Empty or invalid json")
    columns = tuple(value) if query.columns is None else query.columns
    _refuse_unknown(columns, relation)
    columns = tuple(name for name in columns if name in value)
    if not columns:
        return None
    sets = comma(
        SQL("{} = {}").format(identifier(name), identifier("_new", name)) for name in columns
    )
    return SQL("update {} as {} set {} from json_to_record({}::json) as _new ({}){}").format(
        identifier(relation.schema, relation.name),
        target.alias,
        sets,
        target.value(json.dumps(value)),
        _types(columns, relation),
        target.where(query.where),
    )


def _written(call: Call, answer: Answer) -> Response:
    rows, kept = answer.rows, answer.total or 0
    total = rows if call.counts else None
    shown = page_range(0, rows if call.method == "PATCH" else 0, total)
    applied = {
        "POST": ("resolution", "missing", "return", "count", "handling", "timezone"),
        "PATCH": ("missing", "return", "count", "handling", "timezone", "max-affected"),
    }.get(call.method, ("return", "count", "handling", "timezone", "max-affected"))
    status = 200 if call.wants_rows else 204
    if call.method == "POST":
        merged = call.preferences.get("resolution") == "merge-duplicates"
        status = 200 if merged and rows and kept >= rows else 201
    content_type = call.media.content_type if call.wants_rows else ""
    return respond(call, answer, status, shown, applied, content_type or "")
