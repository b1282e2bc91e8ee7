"""This file is where docs/database.md is written, from the comments in the database itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from sql.fresh import fresh_database

QUERY = Path(__file__).with_suffix(".sql")
PAGE = Path(__file__).parent.parent / "docs" / "database.md"
INTRODUCTION = """\
# The database

Schema version {version}, made by `make docs` from the comments in `sql/parts/`: change them there.
Everybody is anon (not signed in), an owner (signed in: sees the rows whose `user_id` is theirs and
no others) or the service (the worker and the receiver, who hold the secret key: every table but
its history is theirs to write). What is not said below is refused.

## Stages

{stages}

| from | to |
|---|---|
"""
WHO = (
    ("Functions for everybody", {"anon"}),
    ("Functions for owners", {"authenticated"}),
    ("Functions for the service", {"service_role"}),
)


def read_catalogue(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """What a fresh database says of its objects, in the order of the parts."""
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("set local search_path = public; set local timezone = 'UTC'")
        [[catalogue]] = cursor.execute(QUERY.read_bytes()).fetchall()
    return dict(catalogue)


def describe(catalogue: dict[str, Any]) -> str:
    """The page."""
    return "".join(f"{line}\n" for line in page(catalogue))


def page(catalogue: dict[str, Any]) -> Iterator[str]:
    """The lines of docs/database.md."""
    yield INTRODUCTION.format_map(catalogue).rstrip()
    for start, ends in catalogue["moves"]:
        yield row(start, ", ".join(ends))
    for title, views in (("Tables", False), ("Views", True)):
        yield f"\n## {title}"
        for relation in catalogue["relations"]:
            if relation["view"] == views:
                yield from of_relation(relation)
    yield from of_functions(catalogue["functions"])


def of_relation(relation: dict[str, Any]) -> Iterator[str]:
    """A table or view: what it is for, who may what, its columns and what keeps it true."""
    yield f"\n### {relation['name']}\n\n{relation['comment']}\n"
    if relation["partitioned_by"]:
        yield f"Partitioned by {relation['partitioned_by']}.\n"
    yield f"Owners: {', '.join(map(right, relation['rights'] or [])) or 'nothing'}.\n"
    if relation["view"]:
        yield "| column | type | |\n|---|---|---|"
    else:
        yield "| column | type | null | default | |\n|---|---|---|---|---|"
    for column in relation["columns"]:
        facts = [f"`{column['name']}`", column["type"]]
        if not relation["view"]:
            facts += ["null" if column["null"] else "", default(column)]
        yield row(*facts, column["comment"] or "")
    yield from of_guards(relation)


def of_guards(relation: dict[str, Any]) -> Iterator[str]:
    """Constraints, indexes, triggers and policies, each a line."""
    lines = [
        *(f"- `{each['name']}`: {each['definition']}" for each in relation["constraints"] or []),
        *(
            f"- index `{each['name']}` {each['definition']}: {each['comment']}"
            for each in relation["indexes"] or []
        ),
        *(
            f"- {' '.join(each['when']).lower()}: `{each['function']}`"
            for each in relation["triggers"] or []
        ),
        *(f"- policy: {each}" for each in relation["policies"] or []),
    ]
    if lines:
        yield ""
        yield from lines


def of_functions(functions: list[dict[str, Any]]) -> Iterator[str]:
    """Every function once, under the widest circle that may call it."""
    told: set[str] = set()
    for title, roles in (*WHO, ("Functions that only triggers and other functions call", set())):
        yield f"\n## {title}"
        for function in functions:
            if function["name"] not in told and roles <= set(function["roles"]):
                told.add(function["name"])
                yield f"\n### {function['name']}\n\n{function['comment']}\n"
                rights = ", with the rights of its maker" if function["definer"] else ""
                yield f"`({function['arguments']})` gives `{function['result']}`{rights}"


def right(right: dict[str, Any]) -> str:
    """`select`, or `update (name, tags)`."""
    columns = right["columns"]
    return f"{right['verb']} ({', '.join(columns)})" if columns else str(right["verb"])


def default(column: dict[str, Any]) -> str:
    """What the column holds when nothing is given."""
    if column["default"] is None:
        return ""
    words = " ".join(column["default"].split())
    return f"always `{words}`" if column["generated"] else f"`{words}`"


def row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def main() -> None:
    """Writes the page for the migration as it is."""
    with fresh_database() as address, psycopg.connect(address) as connection:
        PAGE.write_text(describe(read_catalogue(connection)))


if __name__ == "__main__":
    main()
