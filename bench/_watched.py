"""This file is where a whole stack is started to be measured, with 100 contacts to watch."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
from psycopg.rows import dict_row

from local.binaries import find_bin
from local.postgres import Postgres
from tests.builders import PASSWORD, Row, World
from tests.ports import free_port
from tests.running import Stack, start_stack
from tests.stack.processes import parts_of

LATER = datetime.now(UTC) + timedelta(days=2)
NAMES = ("Sarah Williams", "محمد العلي", "Софія Петрова", "Jürgen López", "鈴木 美咲")
MESSAGES = (
    "Hi! The sourdough class you asked about still has two places on Saturday. Shall I keep one?",
    "مرحباً، هل ما زلت مهتماً بدورة الخبز يوم السبت؟ بقي مكانان فقط، وأستطيع أن أحجز لك واحداً.",
    "Привіт! Чи ще цікавить вас майстер-клас у суботу? Лишилося два місця, можу одне притримати.",
)
STAGES = (("queued", 30), ("ready_to_send", 20), ("sent", 40), ("failed", 5), ("completed", 5))
MOVES = """
    with chosen as (
        select id from public.ai_automation_contact_states
        where rule_id = %s and current_stage in ('queued', 'skipped')
        order by updated_at, id limit %s
    )
    update public.ai_automation_contact_states as s
    set current_stage = case s.current_stage
            when 'queued' then 'skipped' else 'queued' end::public.automation_stage,
        reason_code = case s.current_stage when 'queued' then 'waiting' end
    from chosen as c where c.id = s.id returning s.id, s.current_stage::text as stage
"""


@dataclass(frozen=True)
class Watched:
    """A running stack, an automation in it, and a person who has signed in to watch it."""

    stack: Stack
    world: World
    rule: Row
    cookie: str

    @property
    def path(self) -> str:
        """Where the monitor is."""
        return f"/automations/{self.rule['id']}/monitor"

    def move(self, contacts: int) -> list[Row]:
        """So many contacts change their stage, at once and committed."""
        return self.world.rows(MOVES, self.rule["id"], contacts)

    def snapshots(self) -> int:
        """How often the database has read what the monitor shows."""
        with self._superuser() as admin:
            row = admin.execute(
                "select calls from pg_stat_user_functions where funcname = 'monitor_snapshot'"
            ).fetchone()
        return int(row["calls"]) if row else 0

    def count_functions(self) -> None:
        """From now on, `snapshots` counts."""
        with self._superuser() as admin:
            admin.execute("alter system set track_functions = 'all'")
            admin.execute("select pg_reload_conf()")

    def dashboard_pid(self) -> int:
        """The process that serves the pages."""
        return parts_of(self.stack.process.pid)["dashboard"]

    def _superuser(self) -> psycopg.Connection[Row]:
        port = int(str(psycopg.conninfo.conninfo_to_dict(self.stack.database_url)["port"]))
        dsn = Postgres(self.stack.home, port, find_bin("")).superuser_dsn()
        return psycopg.connect(dsn, autocommit=True, row_factory=dict_row)


@contextmanager
def watched() -> Iterator[Watched]:
    """All of it is gone afterwards."""
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    with tempfile.TemporaryDirectory(prefix="stagelight-bench-") as directory:
        stack = start_stack(Path(directory) / "home", DASHBOARD_PORT=str(free_port()))
        world = World(stack.database_url)
        try:
            person = world.user("watcher@example.com")
            rule = fill(world, person)
            found = Watched(stack, world, rule, sign_in(stack, str(person["email"])))
            found.count_functions()
            yield found
        finally:
            world.close()
            stack.stop()


def fill(world: World, person: Row) -> Row:
    """A hundred contacts that nothing moves but the benchmark."""
    page = world.page(person, name="Corner Bakery")
    rule = world.rule(page, name="Winback after 20 hours", max_follow_ups=3)
    number = 0
    for stage, contacts in STAGES:
        for _ in range(contacts):
            number += 1
            contact = world.contact(
                page, sender_name=NAMES[number % 5], sender_id=secrets.token_hex(9)
            )
            world.insert(
                "public.ai_automation_contact_states", **state(rule, contact, stage, number)
            )
    return rule


def state(rule: Row, contact: Row, stage: str, number: int) -> Row:
    """What a contact in this stage looks like, due in two days."""
    written = stage in ("ready_to_send", "sent", "failed")
    return {
        "user_id": rule["user_id"],
        "rule_id": rule["id"],
        "contact_id": contact["id"],
        "current_stage": stage,
        "status_message": "Message written" if written else "In queue",
        "generated_message": MESSAGES[number % 3] if written else None,
        "generation_time_ms": 1200 if written else None,
        "tokens_in": 300 if written else None,
        "tokens_out": 40 if written else None,
        "error_code": "not_accepted" if stage == "failed" else None,
        "error_message": "Facebook did not accept the message." if stage == "failed" else None,
        "due_at": LATER,
        "next_send_at": LATER if stage == "ready_to_send" else None,
        "max_follow_ups": 3,
    }


def sign_in(stack: Stack, email: str) -> str:
    """The session cookie, as `name=value`."""
    form = {"email": email, "password": PASSWORD}
    answer = httpx.post(f"{stack.dashboard_url}/login", data=form, trust_env=False)
    return answer.headers["set-cookie"].partition(";")[0]
