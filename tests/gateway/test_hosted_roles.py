"""This file is where roles and accounts are shown to be those of a hosted project."""

from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

LETTERS = """
select
    rolname,
    (
        select string_agg(case when is_so then letter else '-' end, '')
        from unnest(
            array[
                rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
                rolbypassrls
            ],
            array['S', 'I', 'C', 'D', 'L', 'R', 'B']
        ) as _ (is_so, letter)
    )
from pg_roles
where rolname = any(%s)
"""
ROLES = {
    "anon": "-I-----",
    "authenticated": "-I-----",
    "service_role": "-I----B",
    "authenticator": "----L--",
    "postgres": "-ICDLRB",
    "supabase_auth_admin": "--C-L--",
    "supabase_admin": "SICDLRB",
}
MEMBERS = """
select member::regrole::text, array_agg(roleid::regrole::text)
from pg_auth_members
where member in ('authenticator'::regrole, 'postgres'::regrole)
group by member
"""
API = {"anon", "authenticated", "service_role"}
TABLES = """
select relname, relrowsecurity, relowner::regrole::text
from pg_class where relnamespace = 'auth'::regnamespace and relkind = 'r'
"""


def test_the_roles_may_what_they_may_on_a_hosted_project(
    superuser: psycopg.Connection[Any],
) -> None:
    found = superuser.execute(LETTERS, [list(ROLES)]).fetchall()
    members = dict(superuser.execute(MEMBERS).fetchall())

    assert dict(found) == ROLES
    assert set(members["authenticator"]) == API
    monitors = {"pg_monitor", "pg_read_all_data", "pg_signal_backend"}
    assert set(members["postgres"]) >= API | monitors


def test_accounts_are_out_of_reach_of_everyone_who_asks(
    superuser: psycopg.Connection[Any],
) -> None:
    tables = superuser.execute(TABLES).fetchall()
    policies = "select count(*) from pg_policies where schemaname = 'auth'"

    assert {row[1:] for row in tables} == {(True, "supabase_auth_admin")}
    assert superuser.execute(policies).fetchone() == (0,)
    for table, _, _ in tables:
        for role in sorted(API):
            read = sql.SQL("set local role {}; select 1 from auth.{}")
            statement = read.format(sql.Identifier(role), sql.Identifier(table))
            with pytest.raises(InsufficientPrivilege):
                superuser.execute(statement)


def test_outside_of_a_request_nobody_is_signed_in(superuser: psycopg.Connection[Any]) -> None:
    for claims in (None, ""):
        if claims is not None:
            superuser.execute("select set_config('request.jwt.claims', %s, false)", [claims])
        found = superuser.execute("select auth.uid(), auth.role(), auth.email(), auth.jwt()")
        assert found.fetchone() == (None, None, None, None)


IN_AUTH = {
    "a reference": ("create table public.own (id uuid references auth.users)", True),
    "a trigger": (
        "create function public.hear() returns trigger language plpgsql as 'begin end';"
        "create trigger heard after insert on auth.users"
        " for each row execute function public.hear()",
        True,
    ),
    "a table": ("create table auth.own (id int)", False),
    "a function": ("create function auth.own() returns int language sql as 'select 1'", False),
    "an index": ("create index own on auth.users (phone)", False),
}


@pytest.mark.parametrize("what", IN_AUTH)
def test_a_migration_has_as_much_room_in_auth_as_on_a_hosted_project(
    superuser: psycopg.Connection[Any], what: str
) -> None:
    statement, allowed = IN_AUTH[what]

    def run() -> None:
        with superuser.transaction(force_rollback=True):
            superuser.execute("set local role postgres")
            superuser.execute(statement.encode())

    if allowed:
        run()
    else:
        with pytest.raises(InsufficientPrivilege):
            run()
