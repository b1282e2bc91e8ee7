"""This file is where local data is shown to come back from a backup as it was."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from local.backup import backup, restore
from local.bootstrap import bootstrap, migrate
from local.errors import StartError
from local.files import write_private_json
from local.home import Home
from local.postgres import Postgres, find_bin
from tests.builders import World
from tests.running import free_port

CHOSEN = os.environ.get("APP_PG_BIN", "")


def schema_of(postgres: Postgres) -> list[str]:
    """Every object of the database, with its rights."""
    command = [find_bin(CHOSEN) / "pg_dump", "--schema-only", postgres.superuser_dsn()]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # Each dump locks itself with a word of its own, and "a and b and c" is read back as one list.
    lines = (re.sub(r"[()]", "", line) for line in text.splitlines())
    return [line for line in lines if not line.startswith(("\\restrict", "\\unrestrict"))]


@contextmanager
def started(home: Home) -> Iterator[Postgres]:
    """The home's PostgreSQL, while the block lasts."""
    postgres = Postgres(home.path, free_port(), find_bin(CHOSEN))
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()


def fill(postgres: Postgres) -> int:
    """Gives Ada one contact, whose id it tells."""
    bootstrap(postgres)
    migrate(postgres.dsn())
    world = World(postgres.dsn())
    contact = world.contact(world.page(world.user("ada@example.com")))
    world.close()
    return contact["id"]


def test_everything_comes_back(tmp_path: Path) -> None:
    home, other, file = Home(tmp_path / "home"), Home(tmp_path / "other"), tmp_path / "kept.tar"
    assert home.open()
    secrets = home.secrets()
    with started(home) as postgres:
        contact, schema = fill(postgres), schema_of(postgres)
        write_private_json(home.connection_file, {"database_url": postgres.dsn()})
        # Another process than the one that holds the directory.
        backup(Home(home.path), CHOSEN, file)
        with pytest.raises(StartError, match="runs here"):
            restore(Home(home.path), CHOSEN, file)
    home.close()

    restore(other, CHOSEN, file)

    assert oct(file.stat().st_mode)[-3:] == "600"
    assert (other.secrets(), other.seeded) == (secrets, True)
    query = (
        "select u.email, c.id from auth.users as u join public.contacts as c on c.user_id = u.id"
    )
    with started(other) as back:
        with psycopg.connect(back.dsn()) as connection:
            assert connection.execute(query).fetchone() == ("ada@example.com", contact)
        assert schema_of(back) == schema
        migrate(back.dsn())
    with pytest.raises(StartError, match="There is data in"):
        restore(other, CHOSEN, file)
    with pytest.raises(StartError, match="exists already"):
        backup(home, CHOSEN, file)


def test_a_file_that_is_no_backup_leaves_nothing_behind(tmp_path: Path) -> None:
    file, home = tmp_path / "kept.tar", Home(tmp_path / "home")
    file.write_text("nothing")

    with pytest.raises(StartError, match="cannot be read as a backup"):
        restore(home, CHOSEN, file)

    assert list(home.path.iterdir()) == []


def test_nothing_is_not_backed_up(tmp_path: Path) -> None:
    file = tmp_path / "kept.tar"

    with pytest.raises(StartError, match="no data"):
        backup(Home(tmp_path / "home"), CHOSEN, file)

    assert not file.exists()
