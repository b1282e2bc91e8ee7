"""This file is where it is weighed what the counts cost: batches with and without them, in turn."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from psycopg import sql

from bench._cluster import MIGRATED, Connection, as_superuser, as_worker, copy_database
from bench._filling import run_files, settle
from bench._timing import Line, line_of_ratio, timed
from bench._working import BATCH, CALLS, take_through
from local.postgres import Postgres

BATCHES_PER_RUN = 10
# All statement triggers of contact states but those that refuse illegal moves and write history.
BOOKKEEPING = """
select t.tgname
from pg_catalog.pg_trigger as t
where
    t.tgrelid = 'public.ai_automation_contact_states'::regclass and not t.tgisinternal
    and t.tgtype & 1 = 0 and t.tgname not in ('record_stage_moves', 'record_first_stage')
order by t.tgname
"""
SWITCH_OFF = "alter table public.ai_automation_contact_states disable trigger {}"
ENQUEUE = (
    "select public.enqueue_contacts(md5('rule ' || n)::uuid, 'schedule', null, false)"
    " from generate_series(%s::int, %s::int) as n"
)


@dataclass
class Arm:
    """One of the two databases, and what its batches have cost so far."""

    connection: Connection
    rules: int
    admin: Connection
    times: list[float] = field(default_factory=list)
    cpu_seconds: float = 0
    wal_bytes: int = 0
    batches: int = 0

    def run(self) -> None:
        """Takes a batch of contacts from queued to sent, as a worker does, one commit per call."""
        if self.batches % BATCHES_PER_RUN == 0:
            first = self.batches // BATCHES_PER_RUN * self.rules + 1
            self.connection.execute(ENQUEUE, [first, first + self.rules - 1])
            # As it is in use, and in both arms at once: autovacuum would come to one of them first.
            self.admin.execute("analyze")
        self.batches += 1
        before = self._cpu(), self._wal()
        self.times.append(timed(lambda: take_through(self.connection)))
        self.cpu_seconds += self._cpu() - before[0]
        self.wal_bytes += self._wal() - before[1]

    def forget(self) -> None:
        """Lets the warm-up not count."""
        self.times.clear()
        self.cpu_seconds, self.wal_bytes = 0, 0

    def _cpu(self) -> float:
        # Of the server's process for this connection: what else the machine does is not in it.
        stat = Path(f"/proc/{self.connection.info.backend_pid}/stat").read_text()
        user, system = stat.rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def _wal(self) -> int:
        row: Any = self.connection.execute("select pg_current_wal_insert_lsn() - '0/0'").fetchone()
        return int(row[0])


def weigh(postgres: Postgres, rules: int, pairs: int, at_most: float | None) -> list[Line]:
    """What the counts cost when a batch of contacts is spread over so many automations."""
    kept = _prepare(postgres, f"kept_{rules}", rules, pairs)
    bare = _prepare(postgres, f"bare_{rules}", rules, pairs)
    _switch_off(postgres, f"bare_{rules}")
    warm_up = _warm_up(pairs)
    with kept.connection, bare.connection, kept.admin, bare.admin:
        for number in range(warm_up + pairs):
            for arm in (kept, bare) if number % 2 else (bare, kept):
                arm.run()
                if number == warm_up - 1:
                    arm.forget()
    return _told(rules, kept, bare, at_most)


def _warm_up(pairs: int) -> int:
    return min(pairs, 5)


def _prepare(postgres: Postgres, name: str, rules: int, pairs: int) -> Arm:
    runs = -(-(_warm_up(pairs) + pairs) // BATCHES_PER_RUN)
    copy_database(postgres, MIGRATED, name)
    size = {"rules": runs * rules, "contacts": runs * BATCHES_PER_RUN * BATCH}
    run_files(postgres, name, ["50_queue.sql"], size)
    settle(postgres, name)
    return Arm(as_worker(postgres, name), rules, as_superuser(postgres, name))


def _switch_off(postgres: Postgres, database: str) -> None:
    with as_superuser(postgres, database) as connection:
        for [name] in connection.execute(BOOKKEEPING).fetchall():
            connection.execute(sql.SQL(SWITCH_OFF).format(sql.Identifier(name)))


def _told(rules: int, kept: Arm, bare: Arm, at_most: float | None) -> list[Line]:
    what = f"bookkeeping, batches of {BATCH} over {rules} automation{'s'[: rules > 1]}"
    ratio = median(
        with_it / without for with_it, without in zip(kept.times, bare.times, strict=True)
    )
    contacts = BATCH * len(kept.times)
    return [
        line_of_ratio(f"{what}: time with it / without", ratio, at_most),
        line_of_ratio(
            "  the same in processor time of the server",
            kept.cpu_seconds / max(bare.cpu_seconds, 0.01),
        ),
        Line("  contacts per second, queued to sent", f"{contacts / sum(kept.times) * 1000:,.0f}"),
        Line("  WAL per contact", f"{kept.wal_bytes / contacts:,.0f} B"),
        Line("  commits per contact", f"{CALLS / BATCH:.2f}"),
    ]
