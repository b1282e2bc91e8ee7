"""This file is where functions are chosen and called."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from heapq import nsmallest

from psycopg.sql import SQL, Composable
from starlette.responses import Response

from local.gateway.answers import (
    page_range,
    page_status,
    refuse_other_media,
    refuse_too_many,
    refuse_unless_single,
    respond,
)
from local.gateway.asked import Item, Query
from local.gateway.call import Call
from local.gateway.catalog import Argument, Catalog, Function, Relation, describe
from local.gateway.compose import (
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
from local.gateway.embedding import page_and_total
from local.gateway.errors import ApiError, not_implemented
from local.gateway.hints import nearest
from local.gateway.names import Field
from local.gateway.query import parse_query

SCALAR = "_scalar"
# A function of PostgreSQL has no more, and a refusal names no more.
MOST_ARGUMENTS = 100


async def answer_rpc(call: Call, database: Database) -> Response:
    """Calls one function; only a POST to a volatile one may write."""
    query = parse_query(call.parameters, arguments=call.reads)
    overloads = database.catalog.functions.get((call.schema, call.name), ())
    names = _names(call, query, overloads)
    known = (name for schema, name in database.catalog.functions if schema == call.schema)
    function = choose(call, overloads, names, known)
    if function.answers_media:
        raise not_implemented("functions that answer in a media type of their own")
    refuse_other_media(call)
    form = _form(call, function)
    details = (form, call.media.strip_nulls, call.counts, database.config.max_rows)
    prepared = _compose(database.catalog, function, query, names, call.reads, *details)
    work = Work(
        call,
        prepared.with_body(call.text),
        call.method == "POST" and function.volatile,
        function.settings,
        function.isolation,
        _check(call, function),
    )
    return _respond(call, function, query, await database.run(work))


def _names(call: Call, query: Query, overloads: Sequence[Function]) -> frozenset[str]:
    if call.reads:
        return frozenset(name for name, _ in query.arguments)
    value = call.json()
    if isinstance(value, dict):
        return frozenset(value if query.columns is None else query.columns)
    if any(map(_takes_document, overloads)):
        return frozenset({""})
    raise not_implemented("a body that is no object")


def _check(call: Call, function: Function) -> Callable[[Answer], None] | None:
    limited = call.max_affected is not None
    if limited and not function.returns_set:
        message = (
            "Function must return SETOF or TABLE "
            "when max-affected preference is used with handling=strict"
        )
        raise ApiError(400, "PGRST128", message)

    def check(answer: Answer) -> None:
        if function.returns_set:
            refuse_unless_single(call, answer.rows)
        refuse_too_many(call, answer.rows)

    return check if limited or call.media.form == "object" else None


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
    names: frozenset[str],
    reads: bool,
    form: str,
    strip_nulls: bool,
    counts: bool,
    max_rows: int | None,
) -> Prepared:
    columns = function.columns or {SCALAR: "text"}
    composer = Composer(function.name, columns)
    inputs = (
        _from_query(function, query, composer) if reads else _from_body(function, names, composer)
    )
    called = SQL("_called as materialized ({}), ").format(_call(function, *inputs))
    asked = query if function.columns else replace(query, select=(Item(Field(SCALAR)),))
    source = SQL(" from _called as {}").format(composer.alias)
    relation = catalog.relations.get((function.schema, function.relation or ""))
    if relation is not None:
        composer.computed = _computed(catalog, relation, composer)
    if not function.returns_set:
        asked, max_rows = replace(asked, limit=None, offset=0), None
    rows, total = page_and_total(catalog, relation, asked, composer, source, max_rows)
    total = total if counts else NO_COUNT
    text = body(form, strip_nulls, WHOLE_ROW if function.columns else f"_row.{SCALAR}")
    return composer.prepared(envelope(rows, text, total, called))


def _computed(catalog: Catalog, of: Relation, composer: Composer) -> dict[str, Composable]:
    row = SQL("(row({}.*)::{})").format(composer.alias, identifier(of.schema, of.name))
    names = [name for schema, name in catalog.functions if schema == of.schema]
    return {name: SQL("{}.{}").format(row, identifier(name)) for name in names}


def _form(call: Call, function: Function) -> str:
    if call.method == "HEAD" or function.void:
        return "none"
    single = not function.returns_set and call.media.form == "array"
    return "object" if single else call.media.form


def _call(function: Function, source: Composable, inputs: Composable) -> Composable:
    called = SQL("{}({})").format(identifier(function.schema, function.name), inputs)
    if function.columns:
        return SQL("select _result.* from {}lateral {} as _result").format(source, called)
    scalar = SQL(SCALAR)
    return SQL("select _result.{} from {}lateral (select {} as {}) as _result").format(
        scalar, source, called, scalar
    )


def _from_body(
    function: Function, names: frozenset[str], composer: Composer
) -> tuple[Composable, Composable]:
    if _takes_document(function):
        return EMPTY, SQL("{}::{}").format(
            composer.value(None), trusted(function.arguments[0].type)
        )
    used = [argument for argument in function.arguments if argument.name in names]
    if not used:
        return EMPTY, EMPTY
    types = comma(
        SQL("{} {}").format(identifier(argument.name), trusted(argument.type)) for argument in used
    )
    # Read once instead of twice, where neither spelling nor order of the JSON can be seen again.
    form = "jsonb" if all(argument.type in ("jsonb", "uuid") for argument in used) else "json"
    source = SQL("{}_to_record({}::{}) as _given ({}), ").format(
        SQL(form), composer.value(None), SQL(form), types
    )
    return source, comma(_named(argument, identifier("_given", argument.name)) for argument in used)


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
    status = page_status(query.offset, answer.rows, answer.total)
    shown = page_range(query.offset, answer.rows, answer.total)
    applied = ("return", "count", "handling", "timezone", "max-affected")
    if function.void:
        return respond(call, answer, 204, shown, applied)
    return respond(call, answer, status, shown, applied, call.media.content_type)
