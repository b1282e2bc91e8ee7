"""This file is where an insert, an update or a delete is composed."""

from collections.abc import Iterable, Sequence

from psycopg.sql import SQL, Composable, Composed

from local.gateway.asked import Query
from local.gateway.call import Call
from local.gateway.catalog import Relation
from local.gateway.compose import EMPTY, Composer, comma, identifier, trusted
from local.gateway.errors import ApiError, not_implemented
from local.gateway.payload import Payload

# Counts the rows that are new: an upsert that made nothing new is a 200, not a 201.
NEW = SQL("nullif(current_setting('pgrst.inserted', true), '')::bigint")
COUNT = SQL("set_config('pgrst.inserted', (coalesce({}, 0) {} 1)::text, true) <> ''")
COUNT_UP, COUNT_DOWN = COUNT.format(NEW, SQL("+")), COUNT.format(NEW, SQL("-"))


class Change:
    """One write to one relation, as its caller asked for it."""

    def __init__(
        self,
        call: Call,
        relation: Relation,
        query: Query,
        composer: Composer,
        payload: Payload,
        needed: Iterable[str] = (),
    ) -> None:
        self._needed = needed
        self._call = call
        self._relation = relation
        self._query = query
        self._composer = composer
        self._payload = payload
        self._table = SQL("{} as {}").format(
            identifier(relation.schema, relation.name), composer.alias
        )

    def compose(self, *, safeupdate: bool) -> Composed:
        """The statement; ApiError 400 for a column that is not known."""
        self._refuse_unknown(self._payload.keys)
        method, where = self._call.method, self._query.where
        if method == "POST":
            return self._insert()
        if method == "PATCH" and not self._payload.keys:
            return self._nothing()
        if safeupdate and not where:
            verb = "UPDATE" if method == "PATCH" else "DELETE"
            raise ApiError(400, "21000", f"{verb} requires a WHERE clause")
        return self._update() if method == "PATCH" else self._delete()

    def _delete(self) -> Composed:
        filters = self._composer.where(self._query.where)
        return SQL("delete from {}{}{}").format(self._table, filters, self._returning())

    def _nothing(self) -> Composed:
        shown = comma(self._returned()) if self._call.wants_rows else SQL("null")
        return SQL("select {} from {} where false").format(shown, self._table)

    def _returning(self) -> Composable:
        # Only what the answer shows: return=minimal needs no right to read any column.
        shown = comma(self._returned()) if self._call.wants_rows else SQL("1")
        return SQL(" returning {}").format(shown)

    def _returned(self) -> list[Composable]:
        names = {item.field.name for item in self._query.items}
        if "*" in names:
            return [SQL("{}.*").format(self._composer.alias)]
        names.update(self._needed, self._relation.key)
        return [self._composer.column(name) for name in sorted(names)]

    def _insert(self) -> Composed:
        columns = self._payload.keys
        listed = SQL(" ({})").format(comma(map(identifier, columns))) if columns else EMPTY
        merges = self._call.preferences.get("resolution") == "merge-duplicates"
        return SQL("insert into {}{} select {} from {}{}{}{}").format(
            self._table,
            listed,
            comma(identifier("_new", name) for name in columns),
            self._source(columns),
            SQL(" where {}").format(COUNT_UP) if merges else EMPTY,
            self._on_conflict(columns),
            self._returning(),
        )

    def _refuse_unknown(self, columns: Iterable[str]) -> None:
        name = self._relation.name
        for column in columns:
            if column not in self._relation.columns:
                message = f"Could not find the '{column}' column of '{name}' in the schema cache"
                raise ApiError(400, "PGRST204", message)

    def _source(self, columns: Sequence[str]) -> Composable:
        """The rows that were sent, as `_new`, by PostgREST's functions, whose errors show."""
        whole: Composable = SQL("_sent.data")
        filled = self._call.preferences.get("missing") == "default"
        form = SQL("jsonb" if filled else "json")
        sent: Composable = SQL("(select {}::{} as data) as _sent").format(
            self._composer.value(None), form
        )
        between: Composable = EMPTY
        single = self._payload.is_object
        if filled:
            whole, between = SQL("_full.data"), self._defaults(columns)
        if columns:
            function = SQL("{}_to_record" if single else "{}_to_recordset").format(form)
            types = self._types(columns)
            rows: Composable = SQL("{}({}) as _one ({})").format(function, whole, types)
        elif single:
            rows = SQL("(values (1)) as _one")
        else:
            rows = SQL("{}_array_elements({}) as _one").format(form, whole)
        shown = comma(map(identifier, columns))
        return SQL("{}{}, lateral (select {} from {}) as _new").format(sent, between, shown, rows)

    def _defaults(self, columns: Sequence[str]) -> Composable:
        pairs = [
            SQL("{}::text, {}").format(self._composer.value(name), trusted(expression))
            for name, expression in self._relation.defaults.items()
            if name in columns
        ]
        given = SQL("jsonb_build_object({})").format(comma(pairs))
        if self._payload.is_object:
            return SQL(", lateral (select {} || _sent.data as data) as _full").format(given)
        return SQL(
            ", lateral (select jsonb_agg({} || each) as data"
            " from jsonb_array_elements(_sent.data) as each) as _full"
        ).format(given)

    def _types(self, columns: Sequence[str]) -> Composed:
        types = self._relation.columns
        return comma(
            SQL("{} {}").format(identifier(name), trusted(types[name])) for name in columns
        )

    def _on_conflict(self, columns: Sequence[str]) -> Composable:
        resolution = self._call.preferences.get("resolution")
        asked = self._query.on_conflict
        keys = self._relation.key if asked is None else asked
        if resolution and asked is None and self._relation.is_view:
            raise not_implemented("an upsert into a view without on_conflict")
        if not resolution or not keys:
            return EMPTY
        head = SQL(" on conflict ({})").format(comma(map(identifier, keys)))
        if resolution == "ignore-duplicates" or not columns:
            return SQL("{} do nothing").format(head)
        sets = _sets("excluded", columns)
        return SQL("{} do update set {} where {}").format(head, sets, COUNT_DOWN)

    def _update(self) -> Composed:
        columns = self._payload.keys
        return SQL("update {} set {} from {}{}{}").format(
            self._table,
            _sets("_new", columns),
            self._source(columns),
            self._composer.where(self._query.where),
            self._returning(),
        )


def _sets(source: str, columns: Iterable[str]) -> Composed:
    return comma(
        SQL("{} = {}").format(identifier(name), identifier(source, name)) for name in columns
    )
