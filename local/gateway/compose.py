"""This file is where a parsed query becomes SQL: catalog names quoted, values as parameters."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from psycopg.sql import SQL, Composable, Composed, Identifier

from local.gateway.asked import Item, Order, Query
from local.gateway.errors import ApiError, no_aggregates, not_embedded, not_implemented, unstorable
from local.gateway.filters import SEARCHES, Condition, Group
from local.gateway.link import Statement
from local.gateway.names import Field

OPERATORS = {
    "eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "like": "like",
    "ilike": "ilike", "match": "~", "imatch": "~*", "cs": "@>", "cd": "<@", "ov": "&&", "sl": "<<",
    "sr": ">>", "nxr": "&<", "nxl": "&>", "adj": "-|-", "isdistinct": "is distinct from",
}  # fmt: skip
SEARCH_FUNCTIONS = {
    "fts": "to_tsquery", "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery", "wfts": "websearch_to_tsquery",
}  # fmt: skip
WORDS = {
    "": "", "asc": " asc", "desc": " desc",
    "nullsfirst": " nulls first", "nullslast": " nulls last",
    "null": "null", "not_null": "not null", "true": "true", "false": "false", "unknown": "unknown",
}  # fmt: skip
CASTS = frozenset({
    "text", "int", "int4", "int8", "integer", "bigint", "smallint", "numeric", "float8", "real",
    "boolean", "bool", "date", "timestamptz", "timestamp", "json", "jsonb", "uuid",
})  # fmt: skip
# Statements that are kept composed; the dashboard and the worker ask the same few all day.
REMEMBERED = 128
# With the star it cannot be mistaken for a column of that name.
WHOLE_ROW = "_row.*"
EMPTY: Composable = SQL("")
NO_COUNT = SQL("null::bigint")
# With all columns, as PostgREST counts: a value that cannot be read is told also to HEAD.
ALL: Composable = SQL("count(_row.*)")


class Prepared(NamedTuple):
    """A composed statement and its values in order; None stands for the request's body."""

    text: bytes
    values: tuple[str | None, ...]

    def with_body(self, body: str) -> Statement:
        """Raises ApiError 400 for what PostgreSQL cannot store."""
        values = [(body if value is None else value).encode() for value in self.values]
        # libpq would read no further.
        if any(b"\0" in value for value in values):
            raise unstorable()
        return Statement(self.text, values)


def identifier(*names: str) -> Identifier:
    return Identifier(*names)


def trusted(text: str) -> SQL:
    """Text that came from PostgreSQL's own catalog: a type's name or a default expression."""
    return SQL(text)


def comma(parts: Iterable[Composable]) -> Composed:
    return SQL(", ").join(parts)


class Composer:
    """Composes the parts of one statement over one relation and collects their parameters."""

    def __init__(
        self, name: str, columns: Mapping[str, str], values: list[str | None] | None = None
    ) -> None:
        self.alias = identifier(name)
        self.values: list[str | None] = [] if values is None else values
        # What stands in a filter for the presence of embedded rows, by their label.
        self.embedded: dict[str, Composable] = {}
        # Whether a row counts only with, or only without, what is embedded in it.
        self.embeds_decide = False
        # Where the embedded rows stand, by their label, and whether there is one at most.
        self.places: dict[str, tuple[Identifier, bool]] = {}
        self._columns = columns
        self._name = name

    def value(self, value: str | None) -> SQL:
        """A parameter of unknown type, which PostgreSQL types by where it stands."""
        self.values.append(value)
        return SQL(f"${len(self.values)}")

    def prepared(self, text: bytes) -> Prepared:
        """The statement with the values that were collected for it."""
        return Prepared(text, tuple(self.values))

    def column(self, name: str) -> Composable:
        """The column under this statement's alias, or the function of a row with that name.

        PostgreSQL refuses what is neither (42703).
        """
        return SQL("{}.*" if name == "*" else "{}.{}").format(
            self.alias, *(() if name == "*" else (identifier(name),))
        )

    def field(self, field: Field) -> Composable:
        """The column, or what is inside its JSON."""
        column = self.column(field.name)
        if field.path and self._columns.get(field.name) not in ("json", "jsonb"):
            column = SQL("to_jsonb({})").format(column)
        for arrow, key in field.path:
            kind = SQL("::int" if isinstance(key, int) else "")
            column = Composed([column, SQL(arrow), self.value(str(key)), kind])
        return column

    def item(self, item: Item) -> Composable:
        """One entry of `select`, named as the answer shows it."""
        name, path = item.field.name, item.field.path
        if item.aggregates:
            raise no_aggregates()
        if item.cast and item.cast not in CASTS:
            raise not_implemented(f"cast to {item.cast}")
        if name == "*" and not item.alias:
            return self.column(name)
        found = self.field(item.field)
        if item.cast:
            found = SQL("cast({} as {})").format(found, SQL(item.cast))
        keys = [str(key) for _, key in path if isinstance(key, str)]
        label = item.alias or (keys[-1] if keys else name)
        return SQL("{} as {}").format(found, identifier(label))

    def where(
        self, filters: Iterable[Condition | Group], joined: Sequence[Composable] = ()
    ) -> Composable:
        terms = [*joined, *(self._filter(found) for found in filters)]
        return SQL(" where {}").format(SQL(" and ").join(terms)) if terms else EMPTY

    def _filter(self, found: Condition | Group) -> Composable:
        negation = SQL("not " if found.negated else "")
        if isinstance(found, Condition):
            return SQL("{}({})").format(negation, self._condition(found))
        joint = SQL(" and " if found.operator == "and" else " or ")
        members = joint.join([self._filter(member) for member in found.members])
        return SQL("{}({})").format(negation, members)

    def _condition(self, condition: Condition) -> Composable:
        if (value := condition.value) == "null" and condition.operator == "is":
            embedded = None if condition.field.path else self.embedded.get(condition.field.name)
            if embedded is not None:
                self.embeds_decide = True
                return SQL("{} is not distinct from null").format(embedded)
        field = self.field(condition.field)
        if isinstance(value, tuple):
            return SQL("{} = any({})").format(field, self.value(array(value)))
        if condition.operator == "is":
            return SQL("{} is {}").format(field, SQL(WORDS[value]))
        if condition.operator in SEARCHES:
            return self._search(field, condition)
        if condition.operator in ("like", "ilike"):
            value = value.replace("*", "%")
        operand: Composable = self.value(value)
        if condition.quantifier:
            operand = SQL("{}({})").format(SQL(condition.quantifier), operand)
        return SQL("{} {} {}").format(field, SQL(OPERATORS[condition.operator]), operand)

    def _search(self, field: Composable, condition: Condition) -> Composable:
        language: Composable = EMPTY
        if condition.language:
            language = SQL("{}, ").format(self.value(condition.language))
        if (
            condition.field.path
            or self._columns.get(condition.field.name, "tsvector") != "tsvector"
        ):
            field = SQL("to_tsvector({}{})").format(language, field)
        function = SQL(SEARCH_FUNCTIONS[condition.operator])
        words = self.value(str(condition.value))
        return SQL("{} @@ {}({}{})").format(field, function, language, words)

    def order(self, terms: Iterable[Order]) -> Composable:
        parts = [
            Composed([self._ordered(term), SQL(WORDS[term.direction]), SQL(WORDS[term.nulls])])
            for term in terms
        ]
        return SQL(" order by {}").format(comma(parts)) if parts else EMPTY

    def _ordered(self, term: Order) -> Composable:
        if not (name := term.embedded):
            return self.field(term.field)
        if name not in self.places:
            raise not_embedded(name)
        place, to_one = self.places[name]
        if not to_one:
            details = (
                f"'{self._name}' and '{name}' do not form a many-to-one or one-to-one relationship"
            )
            message = f"A related order on '{name}' is not possible"
            raise ApiError(400, "PGRST118", message, details)
        inside = Composer(self._name, {}, self.values)
        inside.alias = place
        return inside.field(term.field)

    def page(self, query: Query, max_rows: int | None) -> Composable:
        """Limit and offset; `max_rows` caps what one answer may hold, without an error."""
        limits = [limit for limit in (query.limit, max_rows) if limit is not None]
        limit = SQL(" limit {}::bigint").format(self.value(str(min(limits)))) if limits else EMPTY
        if not query.offset:
            return limit
        return SQL("{} offset {}::bigint").format(limit, self.value(str(query.offset)))


def array(values: Iterable[str]) -> str:
    """The values as PostgreSQL writes an array."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def body(form: str, strip_nulls: bool, of: str = WHOLE_ROW, first_of: str = "_rows") -> Composable:
    """The aggregate that makes the response's text; `form` is array, object, csv or none.

    The names above CSV are those of `first_of`, which a write or a call gave.
    """
    if form == "none":
        return SQL("''")
    if form == "csv":
        return CSV.format(SQL(first_of))
    rows = SQL("json_agg({})").format(SQL(of))
    found = SQL("{} -> 0").format(rows) if form == "object" else rows
    if strip_nulls:
        found = SQL("json_strip_nulls({})").format(found)
    return SQL("coalesce({}, {})::text").format(
        found, SQL("'null'" if form == "object" else "'[]'")
    )


CSV = SQL(
    "coalesce((select string_agg(k, ',') from (select json_object_keys(to_json(_first.*)) as k"
    " from (select * from {} limit 1) as _first) as _keys), '') || E'\\n'"
    " || coalesce(string_agg(substring((_row.*)::text, 2, length((_row.*)::text) - 2), E'\\n'), '')"
)


def envelope(
    rows: Composable,
    text: Composable,
    total: Composable,
    source: Composable,
    number: Composable = ALL,
) -> bytes:
    """The one statement of a request: counts, body, and what a function said of its response."""
    statement = SQL(
        "with {source}_rows as ({rows}) select {number}, {text}, {total},"
        " nullif(current_setting('response.headers', true), ''),"
        " nullif(current_setting('response.status', true), '') from _rows as _row"
    )
    return statement.format(
        source=source, rows=rows, text=text, total=total, number=number
    ).as_bytes()
