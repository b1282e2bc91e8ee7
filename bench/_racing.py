"""This file is where one system's contacts are timed, and what their recording cost is counted."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench._cluster import as_superuser
from bench._timing import Line
from local.files import write_private_json
from local.postgres import Postgres
from tests.ports import free_port

ROOT = Path(__file__).parent.parent
PATIENCE_SECONDS = 180


@dataclass(frozen=True)
class Result:
    """What one system did."""

    name: str
    per_second: float
    commits: float
    wal_bytes: float
    cpu_seconds: float

    def line(self, bar: float = 0.0) -> Line:
        """A row of the table; `bar` is what must be reached, in contacts a second."""
        cost = (
            f"{self.commits:.3f} commits, {self.wal_bytes / 1000:.1f} kB WAL,"
            f" {self.cpu_seconds * 1000:.2f} ms CPU"
        )
        met = self.per_second >= bar if bar else None
        wanted = f">= {bar:.0f}/s" if bar else ""
        return Line(self.name, f"{self.per_second:.0f}/s", cost, wanted, met)


@dataclass(frozen=True)
class Race:
    """The processes that do it, and how it is seen that they have done it all."""

    name: str
    database: str
    commands: list[list[str]]
    done: str
    contacts: int


@contextmanager
def gateway_of(postgres: Postgres, database: str) -> Iterator[tuple[str, str]]:
    """A gateway process before the database: its address and secret key."""
    key = "sb_secret_" + secrets.token_urlsafe(16)
    url = f"http://127.0.0.1:{free_port()}"
    config = postgres.log.parent / f"{database}.json"
    values = {
        "url": url,
        "dsn": postgres.dsn("authenticator", database),
        "auth_dsn": postgres.dsn("supabase_auth_admin", database),
        "key_file": str(config.with_suffix(".jwt")),
        "publishable_key": "sb_publishable_bench",
        "secret_key": key,
    }
    write_private_json(config, values)
    gateway = subprocess.Popen(
        [sys.executable, "-m", "local.gateway", str(config)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(2)
        yield url, key
    finally:
        gateway.terminate()
        gateway.wait(timeout=10)


def measure(postgres: Postgres, race: Race) -> Result:
    """From the start of all processes to the last recorded move."""
    workers = [_process(command) for command in race.commands]
    try:
        for worker in workers:
            _wait_ready(worker)
        with as_superuser(postgres, race.database) as admin:
            admin.execute("analyze")
            before, started = _spent(admin, race.database), time.perf_counter()
            for worker in workers:
                assert worker.stdin is not None
                worker.stdin.write("go\n")
                worker.stdin.flush()
            _wait_done(admin, race)
            seconds = time.perf_counter() - started
            # Backends hand in their counts when they are idle for a second.
            time.sleep(1.5)
            after = _spent(admin, race.database)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait(timeout=10)
    spent = [late - early for late, early in zip(after, before, strict=True)]
    commits, wal, cpu = (amount / race.contacts for amount in spent)
    result = Result(race.name, race.contacts / seconds, commits, wal, cpu)
    sys.stdout.write(f"{race.name}: {result.per_second:.0f}/s\n")
    sys.stdout.flush()
    return result


def _process(command: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _wait_ready(worker: "subprocess.Popen[str]") -> None:
    assert worker.stdout is not None
    for line in worker.stdout:
        if line.startswith("READY"):
            return
    raise RuntimeError(f"{worker.args!r} ended before it was ready.")


def _wait_done(admin: "psycopg.Connection[tuple[int, ...]]", race: Race) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (done := _first(admin, race.done)) < race.contacts:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{race.name} did {done} of {race.contacts} contacts in time.")
        time.sleep(0.1)


def _first(admin: "psycopg.Connection[tuple[int, ...]]", query: str) -> int:
    row = admin.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _spent(admin: "psycopg.Connection[tuple[int, ...]]", database: str) -> tuple[float, ...]:
    """Commits of the database, bytes of WAL, seconds of both cores; ours among them are few."""
    row = admin.execute(
        "select xact_commit, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
        " from pg_stat_database where datname = %s",
        [database],
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), _cpu_below(os.getpid())


def _cpu_below(process: int) -> float:
    """Processor seconds of all its descendants: the server, the gateway, whoever works."""
    parents, ticks = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        number = int(stat.parent.name)
        parents[number] = int(fields[1])
        # With the children that ended: a job may end its backend.
        ticks[number] = sum(map(int, fields[11:15]))
    below, found = 0, {process}
    while found:
        found = {number for number, parent in parents.items() if parent in found}
        below += sum(ticks[number] for number in found)
    return below / os.sysconf("SC_CLK_TCK")
