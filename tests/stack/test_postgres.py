"""This file is where the embedded PostgreSQL is like a hosted project's, and survives."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local import postgres as module
from local.account import STARTS_FROM_INSIDE, Account, unprivileged_account
from local.binaries import major_of
from local.bootstrap import bootstrap, make_database, migrate
from local.errors import StartError
from local.postgres import Postgres, find_bin
from tests.ports import free_port

BIN = find_bin(os.environ.get("APP_PG_BIN", ""))


def accounts() -> list[Account]:
    """As whom the server can run here; only root can choose."""
    if os.geteuid() != 0:
        return [Account()]
    others = [unprivileged_account()] if major_of(BIN) >= STARTS_FROM_INSIDE else []
    return [Account(user_namespace=True), *others]


@pytest.fixture(params=accounts(), ids=lambda account: f"uid-{account.uid}")
def own(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Postgres]:
    """A server of this test's own, in a home that only its owner can enter."""
    monkeypatch.setattr(module, "choose_account", lambda _: request.param)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "postgres.unfinished").mkdir()
    server = Postgres(home, free_port(), BIN)
    server.start()
    yield server
    server.stop()


def test_what_was_committed_survives_a_kill(own: Postgres) -> None:
    bootstrap(own)
    with psycopg.connect(own.dsn()) as connection:
        connection.execute("create table public.kept as select 1 as answer")

    own.kill()
    own.start()
    bootstrap(own)

    with psycopg.connect(own.dsn()) as connection:
        assert connection.execute("select answer from public.kept").fetchone() == (1,)


@pytest.mark.parametrize("account", accounts(), ids=lambda account: f"uid-{account.uid}")
def test_programs_in_a_private_home_can_be_run_and_it_stays_private(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        place = Path(open_to_all)
        place.chmod(0o755)
        monkeypatch.setattr("local.account.SHARED_TREES", place / "copies")
        private, programs = place / "private", place / "private" / "tree" / "bin"
        programs.mkdir(parents=True)
        private.chmod(0o700)
        (programs / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 17.10'\n")
        (programs / "postgres").chmod(0o755)

        reached = account.reachable(programs)

        ran = subprocess.run(account.command(reached / "postgres", "-V"), check=True, cwd="/")
        assert ran.returncode == 0
        assert (reached == programs) == (account.uid is None)
        assert private.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("old_grants", "readable"), [(False, False), (True, True)])
def test_new_tables_are_granted_as_on_hosted_projects(
    cluster: Postgres, old_grants: bool, readable: bool
) -> None:
    name = f"grants_{old_grants}".lower()
    make_database(cluster, name, old_grants=old_grants)

    with psycopg.connect(cluster.dsn(dbname=name)) as connection:
        connection.execute("create table public.thing (id int)")
        row = connection.execute(
            "select has_table_privilege('anon', 'public.thing', 'select'),"
            " has_table_privilege('service_role', 'public.thing', 'select'),"
            " has_table_privilege('anon', 'public.thing', 'truncate')"
        ).fetchone()

    assert row == (readable, readable, True)


def test_a_migration_that_fails_names_the_line_and_changes_nothing(
    cluster: Postgres, tmp_path: Path
) -> None:
    make_database(cluster, "broken")
    migration = tmp_path / "broken.sql"
    migration.write_text("create table public.half (id int);\n\nselec 1;\n")

    with pytest.raises(StartError, match=r"broken\.sql, line 3: syntax error"):
        migrate(cluster.dsn(dbname="broken"), migration)

    with psycopg.connect(cluster.dsn(dbname="broken")) as connection:
        assert connection.execute("select to_regclass('public.half')").fetchone() == (None,)
