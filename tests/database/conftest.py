"""This file is where database tests share one database per file, where that spares time."""

from collections.abc import Iterator

import pytest

from local.postgres import Postgres
from tests.builders import World
from tests.conftest import Database
from tests.copies import Copies


@pytest.fixture(scope="module")
def shared_database(cluster: Postgres, copies: Copies) -> Iterator[Database]:
    """A copy of the migrated database for the tests of one file, which must not mind each other."""
    name = copies.take()
    yield Database(cluster, name)
    copies.give_back(name)


@pytest.fixture(scope="module")
def shared_world(shared_database: Database) -> Iterator[World]:
    """Arranges rows in the database of this file."""
    arranged = World(shared_database.dsn())
    yield arranged
    arranged.close()
