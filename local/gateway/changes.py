"""This file is where an insert, an update or a delete is composed."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg.sql import SQL, Composable, Composed

from local.gateway.asked import Query
from local.gateway.call import Call
from local.gateway.catalog import Relation
from local.gateway.compose import EMPTY, Composer, comma, identifier, trusted
from local.gateway.errors import ApiError, not_implemented

# Counts the rows that were there before: an upsert that made nothing new is a 200, not a 201.
KEPT = SQL("nullif(current_setting('pgrst.kept', true), '')::bigint")
KEEP = SQL("set_config('pgrst.kept', (coalesce({}, 0) + 1)::text, true) <> ''").format(KEPT)


class Change:
    """One write to one relation, as its caller asked for it."""

    def __init__(
        self,
        call: Call,
        relation: Relation,
        query: Query,
        composer: Composer,
        needed: Sequence[str] = (),
    ) -> None:
        self._needed = needed
        self._call = call
        self._relation = relation
        self._query = query
        self._composer = composer
        self._table = SQL("{} as {}").format(
            identifier(relation.schema, relation.name), composer.alias
        )

    def compose(self, *, safeupdate: bool) -> Composed | None:
        """The statement, or None when there is nothing to change."""
        method, where = self._call.method, self._query.where
        if method == "POST":
            return self._insert()
        changed = self._update() if method == "PATCH" else self._delete()
        if changed is not None and safeupdate and not where:
            verb = "UPDATE" if method == "PATCH" else "DELETE"
            raise ApiError(400, "21000", f"{verb} requires a WHERE clause")
        return changed

    def _delete(self) -> Composed:
        filters = self._composer.where(self._query.where)
        return SQL("delete from {}{}{}").format(self._table, filters, self._returning())

    def _returning(self) -> Composable:
        # Only what the answer shows: return=minimal needs no right to read any column.
        if not self._call.wants_rows:
            return SQL(" returning 1")
        names = [item.field.name for item in self._query.items]
        names += self._needed
        names += [term.field.name for term in self._query.order]
        columns: list[Composable] = []
        if "*" in names:
            columns = [SQL("{}.*").format(self._composer.alias)]
            names = [name for name in names if name != "*" and name not in self._relation.columns]
        columns += map(self._composer.column, dict.fromkeys(names))
        return SQL(" returning {}").format(comma(columns))

    def _insert(self) -> Composed | None:
        value = self._call.json()
        rows = value if isinstance(value, list) else [value]
        columns = self._columns(rows)
        if not rows or (not columns and isinstance(value, list)):
            return None
        source: Composable = SQL(" default values")
        if columns:
            source = SQL(" ({}) select {} from {}").format(
                comma(map(identifier, columns)),
                comma(identifier("_new", name) for name in columns),
                self._payload(columns),
            )
        conflict = self._on_conflict(columns)
        returning = self._returning()
        return SQL("insert into {}{}{}{}").format(self._table, source, conflict, returning)

    def _columns(self, rows: Sequence[Any]) -> tuple[str, ...]:
        columns = self._query.columns
        if any(not isinstance(row, dict) for row in rows) or (
            columns is None and any(row.keys() != rows[0].keys() for row in rows)
        ):
            raise ApiError(400, "PGRST102", "All object keys must match")
        if columns is None:
            columns = tuple(rows[0]) if rows else ()
        self._refuse_unknown(columns)
        return columns

    def _refuse_unknown(self, columns: Iterable[str]) -> None:
        name = self._relation.name
        for column in columns:
            if column not in self._relation.columns:
                message = f"Could not find the '{column}' column of '{name}' in the schema cache"
                raise ApiError(400, "PGRST204", message)

    def _payload(self, columns: Sequence[str]) -> Composable:
        types, value = self._types(columns), self._composer.value
        if self._call.preferences.get("missing") != "default":
            return SQL("json_to_recordset({}::json) as _new ({})").format(value(None), types)
        defaults = [
            SQL("{}::text, {}").format(value(name), trusted(expression))
            for name, expression in self._relation.defaults.items()
            if name in columns
        ]
        return SQL(
            "jsonb_array_elements({}::jsonb) as _one, lateral"
            " jsonb_to_record(jsonb_build_object({}) || _one) as _new ({})"
        ).format(value(None), comma(defaults), types)

    def _types(self, columns: Sequence[str]) -> Composed:
        types = self._relation.columns
        return comma(
            SQL("{} {}").format(identifier(name), trusted(types[name])) for name in columns
        )

    def _on_conflict(self, columns: Sequence[str]) -> Composable:
        resolution = self._call.preferences.get("resolution")
        keys = self._query.on_conflict or self._relation.key
        if not resolution or not keys:
            return EMPTY
        self._refuse_unknown(keys)
        head = SQL(" on conflict ({})").format(comma(map(identifier, keys)))
        if resolution == "ignore-duplicates" or not columns:
            return SQL("{} do nothing").format(head)
        return SQL("{} do update set {} where {}").format(head, _sets("excluded", columns), KEEP)

    def _update(self) -> Composed | None:
        value = self._call.json()
        if isinstance(value, list) and len(value) > 1:
            raise not_implemented("an update from several objects")
        if value == []:
            return None
        value = value[0] if isinstance(value, list) else value
        if not isinstance(value, dict):
            raise ApiError(400, "PGRST102", "Empty or invalid json")
        columns = tuple(value) if self._query.columns is None else self._query.columns
        self._refuse_unknown(columns)
        if not columns:
            return None
        return SQL("update {} set {} from {}{}{}").format(
            self._table,
            _sets("_new", columns),
            self._payload(columns),
            self._composer.where(self._query.where),
            self._returning(),
        )


def _sets(source: str, columns: Iterable[str]) -> Composed:
    return comma(
        SQL("{} = {}").format(identifier(name), identifier(source, name)) for name in columns
    )
