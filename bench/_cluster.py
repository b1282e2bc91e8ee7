"""This file is where a benchmark gets a PostgreSQL of its own, as durable as one in use."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from local.bootstrap import bootstrap, make_database, migrate
from local.postgres import Postgres, find_bin
from tests.ports import free_port

MIGRATED = "migrated"
# As a small hosted project has it; what is committed is on the disk (fsync is on).
OPTIONS = {
    "shared_buffers": "512MB",
    "effective_cache_size": "2GB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "random_page_cost": "1.1",
    "session_preload_libraries": "auto_explain",
}
# The product's pool does the same (local/gateway/database.py), and so does PostgREST.
PREPARE_AFTER = 2

Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def thrown_away() -> Iterator[Postgres]:
    """A cluster with one migrated, empty database; all of it is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="stagelight-bench-"))
    bin_dir = find_bin(os.environ.get("APP_PG_BIN", ""))
    postgres = Postgres(home, free_port(), bin_dir, OPTIONS)
    try:
        postgres.start()
        bootstrap(postgres)
        make_database(postgres, MIGRATED)
        migrate(postgres.dsn(dbname=MIGRATED))
        yield postgres
    finally:
        postgres.stop()
        shutil.rmtree(home, ignore_errors=True)


def copy_database(postgres: Postgres, source: str, name: str) -> None:
    """Makes the database `name` as a copy of `source`."""
    command = sql.SQL("create database {} owner postgres template {}")
    with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as admin:
        admin.execute(command.format(sql.Identifier(name), sql.Identifier(source)))


def as_superuser(postgres: Postgres, database: str) -> Connection:
    """A connection that may set everything."""
    return psycopg.connect(postgres.superuser_dsn(database), autocommit=True)


def as_worker(postgres: Postgres, database: str) -> Connection:
    """A connection with the rights of the worker's key."""
    return _with_role(postgres, database, "service_role")


def as_person(postgres: Postgres, database: str, user_id: str) -> Connection:
    """A connection with the rights of a signed-in person, under row level security."""
    connection = _with_role(postgres, database, "authenticated")
    become(connection, user_id)
    return connection


def become(connection: Connection, user_id: str) -> None:
    """From now on, `user_id` is signed in on this connection."""
    claims = json.dumps({"sub": user_id, "role": "authenticated"})
    connection.execute("select set_config('request.jwt.claims', %s, false)", [claims])


def _with_role(postgres: Postgres, database: str, role: str) -> Connection:
    connection = psycopg.connect(
        postgres.dsn("authenticator", database), autocommit=True, prepare_threshold=PREPARE_AFTER
    )
    connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
    return connection
