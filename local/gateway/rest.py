"""This file is where requests for tables and views are answered."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from psycopg.sql import SQL, Composable
from starlette.responses import Response

from local.gateway.answers import (
    page_range,
    page_status,
    paged,
    refuse_too_many,
    refuse_unless_single,
    respond,
)
from local.gateway.asked import Query
from local.gateway.call import Call
from local.gateway.catalog import Catalog, Relation
from local.gateway.changes import NEW, Change
from local.gateway.compose import (
    EMPTY,
    NO_COUNT,
    REMEMBERED,
    Composer,
    Prepared,
    body,
    envelope,
    identifier,
)
from local.gateway.database import Answer, Database, Work
from local.gateway.embedding import needed, page_and_total
from local.gateway.errors import ApiError, not_implemented
from local.gateway.hints import nearest
from local.gateway.payload import Payload, read_payload
from local.gateway.query import parse_query

APPLIED = {
    "POST": ("resolution", "missing", "return", "count", "handling", "timezone"),
    "PATCH": ("", "missing", "return", "count", "handling", "timezone", "max-affected"),
    "DELETE": ("", "return", "count", "handling", "timezone", "max-affected"),
}


async def answer_table(call: Call, database: Database) -> Response:
    """Answers any request for a table or view."""
    query = parse_query(call.parameters, writes=not call.reads)
    sends = call.method in ("POST", "PATCH")
    payload = read_payload(call, query.columns) if sends else Payload("")
    relation = _relation(call, database.catalog)
    if relation.has_representations:
        raise not_implemented("tables that the database shows in a form of its own")
    if call.reads:
        return await _read(call, database, relation, query)
    if query.limit is not None or query.offset:
        raise not_implemented("limit and offset on a write, which PostgREST passes over")
    answer = await _write(call, database, relation, query, payload)
    return _written(call, answer, bool(relation.key or query.on_conflict is not None))


def _relation(call: Call, catalog: Catalog) -> Relation:
    found = catalog.relations.get((call.schema, call.name))
    if found is None:
        names = [name for schema, name in catalog.relations if schema == call.schema]
        near = nearest(call.name, names)
        raise ApiError(
            404,
            "PGRST205",
            f"Could not find the table '{call.schema}.{call.name}' in the schema cache",
            hint=f"Perhaps you meant the table '{call.schema}.{near}'" if near else None,
        )
    return found


async def _read(call: Call, database: Database, relation: Relation, query: Query) -> Response:
    prepared = _select(
        database.catalog,
        relation,
        query,
        "none" if call.method == "HEAD" else call.media.form,
        call.media.strip_nulls,
        call.counts,
        database.config.max_rows,
    )
    call.media.need()
    call.refuse_invalid_preferences()
    answer = await database.run(Work(call, prepared.with_body("")))
    refuse_unless_single(call, answer.rows)
    answer = paged(answer, query.offset)
    status = page_status(query.offset, answer.rows, answer.total)
    shown = page_range(query.offset, answer.rows, answer.total)
    applied = ("count", "handling", "timezone")
    response = respond(call, answer, status, shown, applied, call.media.content_type)
    response.headers.setdefault("Content-Location", call.location)
    return response


@lru_cache(maxsize=REMEMBERED)
def _select(
    catalog: Catalog,
    relation: Relation,
    query: Query,
    form: str,
    strip_nulls: bool,
    counts: bool,
    max_rows: int,
) -> Prepared:
    composer = Composer(relation.name, relation.columns)
    table = identifier(relation.schema, relation.name)
    source = SQL(" from {} as {}").format(table, composer.alias)
    rows, total = page_and_total(catalog, relation, query, composer, source, max_rows)
    text = body(form, strip_nulls)
    return composer.prepared(envelope(rows, text, total if counts else NO_COUNT, EMPTY))


async def _write(
    call: Call, database: Database, relation: Relation, query: Query, payload: Payload
) -> Answer:
    composer = Composer(relation.name, relation.columns)
    extra = needed(database.catalog, relation, query)
    rows: Composable = SQL("select 1 from _changed")
    form = "none"
    if call.wants_rows:
        answered, form = replace(query, where=()), call.media.form
        table = SQL(" from _changed as {}").format(composer.alias)
        rows, _ = page_and_total(database.catalog, relation, answered, composer, table, None)
    change = Change(call, relation, query, composer, payload, extra)
    changed = change.compose(safeupdate=database.config.safeupdate)
    call.refuse_invalid_preferences()
    call.media.need()
    source = SQL("_changed as ({}), ").format(changed)
    text = body(form, call.media.strip_nulls, first_of="_changed")
    statement = composer.prepared(envelope(rows, text, NEW, source))
    work = Work(call, statement.with_body(payload.text), write=True, check=_check(call))
    return await database.run(work)


def _check(call: Call) -> Callable[[Answer], None] | None:
    if call.media.form != "object" and (call.method == "POST" or call.max_affected is None):
        return None

    def check(answer: Answer) -> None:
        refuse_unless_single(call, answer.rows)
        if call.method != "POST":
            refuse_too_many(call, answer.rows)

    return check


def _written(call: Call, answer: Answer, has_key: bool) -> Response:
    shown = page_range(
        0, answer.rows if call.method == "PATCH" else 0, answer.rows if call.counts else None
    )
    status = 200 if call.wants_rows else 204
    if call.method == "POST":
        merges = call.preferences.get("resolution") == "merge-duplicates"
        status = 200 if merges and not (answer.total or 0) else 201
    content_type = call.media.content_type if call.wants_rows else ""
    applied = APPLIED[call.method] if has_key else APPLIED[call.method][1:]
    return respond(call, answer, status, shown, applied, content_type)
