"""This file is where database tests share one database per file, where that spares time."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from local.postgres import Postgres
from tests.builders import World
from tests.conftest import TEMPLATE, Database


@pytest.fixture(scope="module")
def shared_database(cluster: Postgres) -> Iterator[Database]:
    """A copy of the migrated database for the tests of one file, which must not mind each other."""
    name = f"shared_{secrets.token_hex(6)}"
    copy = sql.SQL("create database {} owner postgres template {} strategy file_copy")
    with psycopg.connect(cluster.superuser_dsn(), autocommit=True) as admin:
        admin.execute(copy.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
        yield Database(cluster, name)
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def shared_world(shared_database: Database) -> Iterator[World]:
    """Arranges rows in the database of this file."""
    arranged = World(shared_database.dsn())
    yield arranged
    arranged.close()
