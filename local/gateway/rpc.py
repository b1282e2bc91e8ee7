"""This file is where functions are chosen and called."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from heapq import nsmallest

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
from local.gateway.catalog import Argument, Catalog, Function, Relation, describe
from local.gateway.compose import (
    ALL,
    EMPTY,
    NO_COUNT,
    REMEMBERED,
    WHOLE_ROW,
    Composer,
    Prepared,
    array,
    body,
    comma,
    envelope,
    identifier,
    trusted,
)
from local.gateway.database import Answer, Database, Work
from local.gateway.embedding import needed, page_and_total
from local.gateway.errors import ApiError, not_implemented
from local.gateway.filters import Group
from local.gateway.hints import nearest
from local.gateway.payload import Payload, read_payload
from local.gateway.query import parse_query

# PostgREST's name, which CSV shows.
SCALAR = "pgrst_scalar"
ONE: Composable = SQL("1")
# A function of PostgreSQL has no more, and a refusal names no more.
MOST_ARGUMENTS = 100


async def answer_rpc(call: Call, database: Database) -> Response:
    """Calls one function; only a POST to a volatile one may write."""
    query = parse_query(call.parameters, arguments=call.reads)
    payload = Payload("") if call.reads else read_payload(call, query.columns)
    overloads = database.catalog.functions.get((call.schema, call.name), ())
    names = frozenset(name for name, _ in query.arguments) if call.reads else set(payload.keys)
    known = (name for schema, name in database.catalog.functions if schema == call.schema)
    function = choose(call, overloads, frozenset(names), known)
    if function.answers_media:
        raise not_implemented("functions that answer in a media type of their own")
    form = "none" if call.method == "HEAD" or function.void else call.media.form
    given = None if call.reads else _told_apart(payload, function)
    details = (form, call.media.strip_nulls, call.counts, database.config.max_rows)
    prepared = _compose(database.catalog, function, query, given, *details)
    call.media.need()
    call.refuse_invalid_preferences()
    work = Work(
        call,
        prepared.with_body(payload.text),
        call.method == "POST" and function.volatile,
        function.settings,
        function.isolation,
        _check(call, function),
    )
    return _respond(call, function, query, await database.run(work))


def _check(call: Call, function: Function) -> Callable[[Answer], None] | None:
    limited = call.max_affected is not None
    if limited and not function.returns_set:
        message = (
            "Function must return SETOF or TABLE "
            "when max-affected preference is used with handling=strict"
        )
        raise ApiError(400, "PGRST128", message)

    def check(answer: Answer) -> None:
        refuse_unless_single(call, answer.rows)
        refuse_too_many(call, answer.rows)

    return check if limited or call.media.form == "object" else None


def _told_apart(payload: Payload, function: Function) -> Payload:
    """What the statement depends on: it is kept, so it must not hold a document's keys."""
    taken = {argument.name for argument in function.arguments}
    return Payload("[{"[payload.is_object], tuple(key for key in payload.keys if key in taken))


def _takes_document(function: Function) -> bool:
    inputs = function.arguments
    return len(inputs) == 1 and not inputs[0].name and inputs[0].type in ("json", "jsonb")


def _fits(function: Function, names: frozenset[str]) -> bool:
    inputs = function.arguments
    if not inputs or not all(argument.name for argument in inputs):
        return not inputs and not names
    required = {argument.name for argument in inputs if argument.required}
    return required <= names <= {argument.name for argument in inputs}


def choose(
    call: Call, overloads: Sequence[Function], names: frozenset[str], known: Iterable[str] = ()
) -> Function:
    """The overload whose argument names fit, else one that takes the body; ApiError 404 or 300."""
    fit = [function for function in overloads if _fits(function, names)]
    if not fit and call.method == "POST":
        fit = [function for function in overloads if _takes_document(function)]
    if len(fit) == 1:
        return fit[0]
    if fit:
        raise ApiError(
            300,
            "PGRST203",
            "Could not choose the best candidate function between: "
            + ", ".join(map(describe, fit)),
            hint="Try renaming the parameters or the function itself in the database "
            "so function overloading can be resolved",
        )
    raise _not_found(call, overloads, known, nsmallest(MOST_ARGUMENTS, names))


def _not_found(
    call: Call, overloads: Sequence[Function], known: Iterable[str], names: Sequence[str]
) -> ApiError:
    full, listed = f"{call.schema}.{call.name}", ", ".join(names)
    shown = f"({listed})" if names else " without parameters"
    plural = "s" if len(names) > 1 else ""
    searched = f" with parameter{plural} {listed}" if names else " without parameters"
    document = " or with a single unnamed json/jsonb parameter" if call.method == "POST" else ""
    if overloads:
        inputs = (sorted(argument.name for argument in each.arguments) for each in overloads)
        told = [f"({', '.join(each)})" for each in inputs]
        near = nearest(f"({listed})", told)
        hint = near and f"{full}{near}"
    else:
        near = nearest(call.name, known)
        hint = near and f"{call.schema}.{near}"
    return ApiError(
        404,
        "PGRST202",
        f"Could not find the function {full}{shown} in the schema cache",
        f"Searched for the function {full}{searched}{document}, "
        "but no matches were found in the schema cache.",
        hint and f"Perhaps you meant to call the function {hint}",
    )


@lru_cache(maxsize=REMEMBERED)
def _compose(
    catalog: Catalog,
    function: Function,
    query: Query,
    payload: Payload | None,
    form: str,
    strip_nulls: bool,
    counts: bool,
    max_rows: int | None,
) -> Prepared:
    relation = catalog.relations.get((function.schema, function.relation or ""))
    columns = relation.columns if relation else {}
    # Rows of no table have the name of their type.
    name = function.relation or (function.name if function.columns is None else "record")
    composer = Composer(name, columns)
    inputs = (
        _from_query(function, query, composer)
        if payload is None
        else _from_body(function, payload, composer)
    )
    source = SQL(" from _called as {}").format(composer.alias)
    rows, total = page_and_total(catalog, relation, query, composer, source, max_rows)
    shown = _shown(catalog, relation, query) if function.columns else None
    # Where nothing of it is shown, PostgreSQL would leave out the call, and the right to make it.
    kept = SQL("materialized " if form == "none" else "")
    called = SQL("_called as {}({}), ").format(kept, _call(function, shown, *inputs))
    single = not function.returns_set
    scalar = function.columns is None and (single or form == "array")
    if single and form == "array":
        form = "object"
    text = body(form, strip_nulls, f"_row.{SCALAR}" if scalar else WHOLE_ROW, "_called")
    total = total if counts else NO_COUNT
    if single and form == "none":
        # Without an aggregate PostgREST has no row at all where there is nothing to show.
        total = SQL("case when count(*) = 0 then 0 else {} end").format(total)
    number = (SQL("count(*)") if form == "none" else ONE) if single else ALL
    return composer.prepared(envelope(rows, text, total, called, number))


def _shown(catalog: Catalog, relation: Relation | None, query: Query) -> tuple[str, ...]:
    """The columns of its rows that are asked for, or that a filter names."""
    names = {item.field.name for item in query.items}
    if "*" in names or not query.select:
        return ("*",)
    if relation is not None:
        names.update(needed(catalog, relation, query))
    return tuple(sorted(names | set(_filtered(query))))


def _filtered(query: Query) -> Iterable[str]:
    groups = list(query.where)
    for embed in query.embeds:
        yield from _filtered(embed.query)
    while groups:
        group = groups.pop()
        if isinstance(group, Group):
            groups += group.members
        else:
            yield group.field.name


def _call(
    function: Function, shown: Sequence[str] | None, source: Composable, inputs: Composable
) -> Composable:
    called = SQL("{}({})").format(identifier(function.schema, function.name), inputs)
    if shown is not None:
        result = Composer("_result", {})
        columns = comma(map(result.column, shown))
        return SQL("select {} from {}lateral {} as _result").format(columns, source, called)
    scalar = SQL(SCALAR)
    return SQL("select _result.{} from {}lateral (select {} as {}) as _result").format(
        scalar, source, called, scalar
    )


def _from_body(
    function: Function, payload: Payload, composer: Composer
) -> tuple[Composable, Composable]:
    if _takes_document(function):
        return EMPTY, SQL("{}::{}").format(
            composer.value(None), trusted(function.arguments[0].type)
        )
    used = [argument for argument in function.arguments if argument.name in payload.keys]
    if not used:
        return EMPTY, EMPTY
    types = comma(
        SQL("{} {}").format(identifier(argument.name), trusted(argument.type)) for argument in used
    )
    # Read once instead of twice, where neither spelling nor order of the JSON can be seen again.
    form = "jsonb" if all(argument.type in ("jsonb", "uuid") for argument in used) else "json"
    function_name = SQL("{}_to_record" if payload.is_object else "{}_to_recordset")
    rows = SQL("{}({}::{}) as _one ({})").format(
        function_name.format(SQL(form)), composer.value(None), SQL(form), types
    )
    # Of several the first counts.
    source = rows if payload.is_object else SQL("(select * from {} limit 1) as _one").format(rows)
    named = (_named(argument, identifier("_one", argument.name)) for argument in used)
    return SQL("{}, ").format(source), comma(named)


def _from_query(
    function: Function, query: Query, composer: Composer
) -> tuple[Composable, Composable]:
    texts: dict[str, list[str]] = {}
    for name, text in query.arguments:
        texts.setdefault(name, []).append(text)
    used = [argument for argument in function.arguments if argument.name in texts]
    values: list[Composable] = []
    for argument in used:
        given = texts[argument.name]
        value = composer.value(array(given) if argument.variadic else given[-1])
        cast = SQL("{}::{}").format(value, trusted(argument.type))
        values.append(_named(argument, cast))
    return EMPTY, comma(values)


def _named(argument: Argument, value: Composable) -> Composable:
    variadic = SQL("variadic " if argument.variadic else "")
    return SQL("{}{} := {}").format(variadic, identifier(argument.name), value)


def _respond(call: Call, function: Function, query: Query, answer: Answer) -> Response:
    answer = paged(answer, query.offset)
    status = page_status(query.offset, answer.rows, answer.total)
    shown = page_range(query.offset, answer.rows, answer.total)
    applied = ("count", "handling", "timezone", "max-affected")
    if function.void:
        return respond(call, answer, 204, shown, applied)
    return respond(call, answer, status, shown, applied, call.media.content_type)
