"""This file is where our worker and its peers are made ready, each with a database of its own."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench._cluster import MIGRATED, as_superuser, copy_database
from bench._filling import settle
from bench._racing import ROOT, Race, Result, gateway_of, measure
from bench._recorded import Recorded, differences, recorded
from local.postgres import Postgres
from tests.builders import World

PEERS = ("dbos", "procrastinate", "pgqueuer", "oban")
PAGES = 20
# It does some forty contacts a second; more of them would only take longer.
SLOW = {"dbos": 5}
DONE = "select count(*) from public.ai_automation_contact_states where current_stage = 'sent'"
DONE_NARROW = "select count(*) from bench.contact_states where seq = 6"
DONE_DBOS = "select count(*) from dbos.workflow_status where status = 'SUCCESS'"


class DifferentError(Exception):
    """A peer did not record what our worker records, so there is nothing to compare."""


def queue(postgres: Postgres, contacts: int) -> None:
    """A migrated database with so many contacts queued; who runs gets a copy of it."""
    database = f"queued_{contacts}"
    copy_database(postgres, MIGRATED, database)
    world = World(postgres.dsn(dbname=database))
    # Twenty pages stand for thousands: what is measured is the worker, not Facebook's limits.
    world.connection.execute(
        "alter table public.facebook_pages drop constraint facebook_pages_rate_is_possible"
    )
    owner = world.user()
    for _ in range(PAGES):
        page = world.page(owner, sends_per_minute=1_000_000_000)
        world.rule(page, daily_limit=100_000, max_follow_ups=1)
    each = str(contacts // PAGES)
    world.connection.execute("select set_config('bench.each', %s, false)", [each])
    world.connection.execute((ROOT / "bench/fill/72_contacts_in_runs.sql").read_bytes())
    world.close()
    settle(postgres, database)


def run_ours(postgres: Postgres, database: str, workers: int, contacts: int) -> Result:
    """Our worker, so many of it."""
    copy_database(postgres, f"queued_{contacts}", database)
    with gateway_of(postgres, database) as (url, key):
        commands = [
            [sys.executable, "-m", "bench._our_worker", url, key, f"worker-{number}"]
            for number in range(workers)
        ]
        name = f"ours, {workers} worker{'s' if workers > 1 else ''}"
        return measure(postgres, Race(name, database, commands, DONE, contacts))


@dataclass(frozen=True)
class Peers:
    """The peers that are installed, with so many contacts and jobs at once."""

    postgres: Postgres
    python: Path | None
    contacts: int
    at_once: Sequence[int]

    def names(self) -> list[str]:
        """Those that can be imported; of the others it is said that they cannot."""
        return [name for name in PEERS if self._has(name)]

    def _has(self, name: str) -> bool:
        if (
            self.python
            and not subprocess.run([self.python, "-c", f"import {name}"], check=False).returncode
        ):
            return True
        sys.stdout.write(f"{name}: not installed, left out\n")
        return False

    def contacts_of(self, name: str) -> int:
        """How many contacts it takes through."""
        return self.contacts // SLOW.get(name, 1)

    def run_same(self, name: str, ours: Mapping[int, Recorded]) -> Result:
        """At its best, recording in our tables what ours does; DifferentError if it did not."""
        results, contacts = [], self.contacts_of(name)
        for at_once in self.at_once:
            database = f"same_{name}_{at_once}"
            copy_database(self.postgres, f"queued_{contacts}", database)
            self._run_file(name, database, "71_same_work.sql")
            results.append(self._run(name, database, at_once, DONE, "record"))
            if wrong := differences(ours[contacts], recorded(self.postgres, database)):
                raise DifferentError(f"{database}: {'; '.join(wrong)}")
        return max(results, key=lambda result: result.per_second)

    def run_narrow(self, name: str) -> Result:
        """At its best, recording in the sketch's two tables."""
        results = []
        for at_once in self.at_once:
            database = f"narrow_{name}_{at_once}"
            copy_database(self.postgres, "template1", database)
            self._run_file(name, database, "70_peers.sql")
            # The checkpoints of dbos are its recording; a second one would be more than is asked.
            done, step = (DONE_DBOS, "checkpoint") if name == "dbos" else (DONE_NARROW, "record")
            results.append(self._run(name, database, at_once, done, step))
        return max(results, key=lambda result: result.per_second)

    def _run_file(self, name: str, database: str, file: str) -> None:
        contacts = str(self.contacts_of(name))
        with as_superuser(self.postgres, database) as admin:
            admin.execute("select set_config('bench.contacts', %s, false)", [contacts])
            admin.execute((ROOT / "bench/fill" / file).read_bytes())

    def _run(self, name: str, database: str, at_once: int, done: str, step: str) -> Result:
        dsn, contacts = self.postgres.superuser_dsn(database), self.contacts_of(name)
        command = [str(self.python), str(ROOT / "bench/_peers.py"), name, dsn]
        command += [str(contacts), str(at_once), step]
        subprocess.run([*command, "set-up"], check=True, stdout=subprocess.DEVNULL)
        told = f"{name}, {at_once} at once"
        return measure(self.postgres, Race(told, database, [[*command, "work"]], done, contacts))
