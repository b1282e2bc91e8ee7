"""This file is where the migration keeps its promises: it applies anywhere, twice, shut tight."""

import secrets
from pathlib import Path

import psycopg
import pytest

from local.bootstrap import MIGRATION, make_database, migrate
from pipeline.stages import MOVES, Stage

PARTS = Path(MIGRATION).parent / "parts"


@pytest.mark.parametrize("old_grants", [False, True], ids=["grants since 2026-10-30", "old grants"])
def test_it_applies_twice_as_a_non_superuser(cluster, old_grants):
    name = f"twice_{secrets.token_hex(4)}"
    make_database(cluster, name, old_grants=old_grants)

    migrate(cluster.dsn(dbname=name))
    migrate(cluster.dsn(dbname=name))

    with psycopg.connect(cluster.dsn(dbname=name)) as connection:
        assert connection.execute("select public.schema_version()").fetchone() == ("2",)
        assert connection.execute(
            "select rolsuper from pg_roles where rolname = current_user"
        ).fetchone() == (False,)
        assert doors_open_to_anon(connection) == []
        assert tables_writable_beyond_the_grants(connection) == []


def doors_open_to_anon(connection):
    return connection.execute(
        """
        select c.relname from pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v', 'p')
            and has_table_privilege('anon', c.oid, 'select, insert, update, delete, truncate')
        union all
        select p.proname from pg_proc as p
        where p.pronamespace = 'public'::regnamespace
            -- The version, and what answers to the holder of METRICS_TOKEN only (decision 0031).
            and p.proname not in ('schema_version', 'metrics')
            and has_function_privilege('anon', p.oid, 'execute')
        """
    ).fetchall()


def tables_writable_beyond_the_grants(connection):
    """History and quotas change through functions only; page tokens are unreadable."""
    return connection.execute(
        """
        select c.relname, a.privilege from pg_class as c
        cross join unnest(array['insert', 'update', 'delete', 'truncate']) as a (privilege)
        where c.relnamespace = 'public'::regnamespace and c.relname like 'ai\\_automation\\_%'
            and c.relname <> 'ai_automation_rules' and c.relkind in ('r', 'p')
            and has_table_privilege('authenticated', c.oid, a.privilege)
        union all
        select 'facebook_page_secrets', 'select'
        where has_table_privilege('authenticated', 'public.facebook_page_secrets', 'select')
        """
    ).fetchall()


def test_the_one_file_is_the_joined_parts_each_with_a_number_of_its_own():
    parts = sorted(PARTS.glob("*.sql"))
    joined = "".join(part.read_text() for part in parts)

    assert len({part.name[:3] for part in parts}) == len(parts)
    assert all(part.name[:3].isdigit() for part in parts)
    assert Path(MIGRATION).read_text() == joined, "run `make sql`"


def test_the_stage_graph_in_the_database_is_the_one_in_python(world):
    assert [
        row["stage"]
        for row in world.rows(
            "select unnest(enum_range(null::public.automation_stage))::text as stage"
        )
    ] == [stage.value for stage in Stage]
    assert {
        (row["from_stage"], row["to_stage"])
        for row in world.rows(
            "select from_stage::text, to_stage::text from public.ai_automation_stage_moves"
        )
    } == {(start.value, end.value) for start, ends in MOVES.items() for end in ends}


def test_every_foreign_key_has_an_index_that_begins_as_it_does(world):
    assert not world.rows(
        """
        select conname from pg_constraint as k
        where k.contype = 'f' and k.connamespace = 'public'::regnamespace and not exists (
            select 1 from pg_index as i
            where i.indrelid = k.conrelid and i.indkey[0] = k.conkey[1]
        )
        """
    )


def test_no_table_is_tied_to_a_function_by_a_default(world):
    # PostgreSQL from 15.20 on adds no column with a default to a table whose rows are one.
    tied = world.rows(
        """
        select p.oid::regprocedure::text as name from pg_proc as p
        where p.pronamespace = 'public'::regnamespace and p.pronargdefaults > 0 and exists (
            select from unnest(p.proargtypes) as a (oid)
            inner join pg_type as t on t.oid = a.oid and t.typtype = 'c'
        )
        """
    )

    assert [row["name"] for row in tied] == []


def test_policy_names_are_not_cut_off(world):
    assert world.rows("select polname from pg_policy where length(polname) >= 63") == []
