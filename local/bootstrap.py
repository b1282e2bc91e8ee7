"""This file is where a cluster becomes like a hosted project, and the migration is applied."""

from pathlib import Path

import psycopg
from psycopg import sql

from local.errors import StartError
from local.postgres import LOGIN_ROLES, Postgres

HOSTED = Path(__file__).with_name("hosted")
MIGRATION = Path(__file__).parent.parent / "sql" / "add-automation-monitoring.sql"


def bootstrap(postgres: Postgres) -> None:
    """Makes the roles, then prepares the database `postgres`; does nothing where that was done."""
    with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as connection:
        if connection.execute("select 1 from pg_roles where rolname = 'postgres'").fetchone():
            return
        with connection.transaction():
            _run(connection, "roles.sql")
            for role in LOGIN_ROLES:
                _set_password(connection, role, postgres)
            connection.execute("alter database postgres owner to postgres")
            _prepare(connection, old_grants=False)


def make_database(postgres: Postgres, name: str, *, old_grants: bool = False) -> None:
    """Makes the database `name` as a hosted project starts out, before the migration.

    `old_grants` gives the default privileges of before 30 October 2026.
    """
    with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as connection:
        command = sql.SQL("create database {} owner postgres template template0")
        connection.execute(command.format(sql.Identifier(name)))
    with psycopg.connect(postgres.superuser_dsn(name)) as connection:
        _prepare(connection, old_grants=old_grants)


def migrate(dsn: str, migration: Path = MIGRATION) -> None:
    """Applies the file that users paste into Supabase, whole or not at all, as role postgres."""
    text = migration.read_text()
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(text.encode())
    except psycopg.Error as error:
        place = text[: int(error.diag.statement_position or 0)].count("\n") + 1
        reason = error.diag.message_primary or error
        raise StartError(f"{migration.name}, line {place}: {reason}") from error


def _prepare(connection: psycopg.Connection, *, old_grants: bool) -> None:
    _run(connection, "database.sql")
    _run(connection, "grants_until_october_2026.sql" if old_grants else "grants.sql")


def _run(connection: psycopg.Connection, name: str) -> None:
    connection.execute((HOSTED / name).read_bytes())


def _set_password(connection: psycopg.Connection, role: str, postgres: Postgres) -> None:
    password = psycopg.conninfo.conninfo_to_dict(postgres.dsn(role))["password"]
    command = sql.SQL("alter role {} password {}")
    connection.execute(command.format(sql.Identifier(role), sql.Literal(password)))
