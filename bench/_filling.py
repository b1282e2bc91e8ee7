"""This file is where a database is filled as a year of work would have: set-based, in seconds."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench._cluster import MIGRATED, as_superuser, copy_database
from local.postgres import Postgres

FILL = Path(__file__).with_name("fill")
PARTS = 2


@dataclass(frozen=True)
class Size:
    """How much there is in a database."""

    contacts: int
    events: int
    days: int = 7

    def __floordiv__(self, share: int) -> "Size":
        return Size(self.contacts // share, self.events // share, self.days)

    def __str__(self) -> str:
        return f"{self.contacts:,} contacts and {self.events:,} events"


def fill(postgres: Postgres, name: str, size: Size) -> float:
    """Makes the database `name` with so much in it; returns how many seconds that took."""
    started = time.monotonic()
    copy_database(postgres, MIGRATED, name)
    settings = {
        "contacts": size.contacts,
        "events_each": max(size.events // size.contacts, 1),
        "days": size.days,
        "parts": PARTS,
    }
    run_files(postgres, name, ["10_tenants.sql", "20_contacts.sql", "30_minutes.sql"], settings)

    def fill_part(part: int) -> None:
        run_files(postgres, name, ["40_history.sql"], {**settings, "part": part})

    with ThreadPoolExecutor(PARTS) as pool:
        list(pool.map(fill_part, range(PARTS)))
    settle(postgres, name)
    return time.monotonic() - started


def run_files(
    postgres: Postgres, database: str, files: Iterable[str], settings: Mapping[str, int]
) -> None:
    """Runs files of fill/, which find `settings` as bench.<name>; nothing is checked meanwhile."""
    with as_superuser(postgres, database) as connection:
        # Neither triggers nor foreign keys: what is written is right, and takes minutes with them.
        connection.execute("set session_replication_role = replica")
        connection.execute("set synchronous_commit = off")
        for name, value in settings.items():
            connection.execute("select set_config('bench.' || %s, %s, false)", [name, str(value)])
        for file in files:
            connection.execute((FILL / file).read_bytes())


def settle(postgres: Postgres, database: str) -> None:
    """Does what the server would do beside the measurements, before them."""
    with as_superuser(postgres, database) as connection:
        connection.execute("vacuum (analyze)")
        connection.execute("checkpoint")
