"""This file is where a PostgreSQL runs for a moment, with the migration or without it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.binaries import find_bin
from local.bootstrap import bootstrap, migrate
from local.ports import Claims
from local.postgres import Postgres
from pipeline.settings import read_settings


@contextmanager
def fresh_database(*, migrated: bool = True) -> Iterator[str]:
    """The address of the database, for role postgres; it is gone after the block."""
    with tempfile.TemporaryDirectory() as home:
        ports = Claims()
        port = ports.first_free(20000)
        postgres = Postgres(Path(home), port, find_bin(read_settings().app_pg_bin))
        try:
            postgres.start()
            bootstrap(postgres)
            if migrated:
                migrate(postgres.dsn())
            yield postgres.dsn()
        finally:
            postgres.stop()
            ports.release()
