"""This file is where a database of version 1 gets everything it can hold, old days too."""

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from copy import copy
from pathlib import Path

import psycopg
from psycopg import sql

from local.bootstrap import make_database, migrate
from local.postgres import Postgres
from tests.builders import Row, World, ago
from tests.database.acting import Worker, call, call_as, change, run_now

MIGRATION = Path(__file__).with_name("versions") / "1.sql"
HAPPENED_UNDER_A_RULE = (
    *("ai_automation_runs", "ai_automation_contact_states", "ai_automation_stage_events"),
    *("ai_automation_attempts", "ai_automation_stage_minutes", "ai_automation_daily_usage"),
)
TABLES = (
    *("facebook_pages", "facebook_page_secrets", "contacts", "contact_messages"),
    *("ai_automation_rules", "ai_automation_workers", "ai_automation_audit"),
    *HAPPENED_UNDER_A_RULE,
)
HANDED_OVER = {"attempt_outcome": "sent"}
# What Facebook's answers lead to, by the contact's name.
ANSWERS = {
    "is sent": ("sent", HANDED_OVER),
    "replies": ("sent", HANDED_OVER),
    "was refused": ("failed", {"error_code": "refused", "attempt_outcome": "failed"}),
    "is doubtful": ("failed", {"error_code": "outcome_unknown", "attempt_outcome": "unknown"}),
    "is tried again": ("failed", {"error_code": "outcome_unknown", "attempt_outcome": "unknown"}),
    "is being settled": ("sending", {"error_code": "slow", "attempt_outcome": "unknown"}),
    "has to wait": ("ready_to_send", {"error_code": "busy", "attempt_outcome": "retry"}),
}


@contextmanager
def empty(cluster: Postgres) -> Iterator[World]:
    """A hosted project to which version 1 was applied, by a role that is no superuser."""
    name = f"version_1_{uuid.uuid4().hex[:8]}"
    make_database(cluster, name)
    migrate(cluster.dsn(dbname=name), MIGRATION)
    world = World(cluster.dsn(dbname=name))
    try:
        yield world
    finally:
        world.close()


class Past:
    """Automations of today, of three days and of forty days ago, and another owner's."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.worker = Worker(world.connection)
        owner = world.user("a@example.com")
        owners = [owner, owner, owner, world.user("b@example.com")]
        self.rules = [world.rule(world.page(owner), max_follow_ups=2) for owner in owners]
        self.held: list[Row] = []
        self._two_follow_ups()
        self._every_answer()
        self._every_stage()
        states = "alter table public.ai_automation_contact_states {} trigger user"
        world.connection.execute(states.format("disable"))
        for rule, days in zip(self.rules, (0, 3, 40, 40), strict=True):
            self._age(rule, days)
        world.connection.execute(states.format("enable"))

    def _two_follow_ups(self) -> None:
        self._arrive("had two")
        self._travel()
        states = "update public.ai_automation_contact_states set next_check_at = now() returning 1"
        self.world.rows(states)
        self._schedule()
        self._travel()

    def _every_answer(self) -> None:
        self._arrive("is closed to us", last_inbound_at=ago(days=2))
        self._arrive("says stop", opted_out_at=ago(days=1))
        for name in (*ANSWERS, "is being sent to", "breaks the AI"):
            self._arrive(name)
        self._schedule()
        self.worker.check()
        for job in self.worker.claim("eligible"):
            self._write(job)
        for job in self.worker.claim("ready_to_send", lease_seconds=600):
            self._send(job)
        for contact in self._named("replies"):
            change(self.world, "contacts", contact, last_inbound_at=ago(seconds=-1))
        call(self.world.connection, "complete_finished_sequences")

    def _every_stage(self) -> None:
        self._arrive("is ready")
        self._schedule()
        self.worker.check()
        self.worker.write()
        self._arrive("is being written to")
        self._schedule()
        self.worker.check()
        self.held += self.worker.claim("eligible", lease_seconds=600)
        self._arrive("is eligible")
        self._schedule()
        self.worker.check()
        self._arrive("is being checked")
        self._schedule()
        self.worker.claim("queued", lease_seconds=600)
        for state in self._named("is tried again"):
            owner = {"id": state["user_id"]}
            call_as(self.world, owner, "retry_contacts", p_state_ids=[state["state_id"]])
        self._arrive("is queued")
        self._schedule()
        beat = {"p_version": "1", "p_doing": "", "p_held": [], "p_lease_seconds": 600}
        call(self.world.connection, "beat", p_worker="worker-1", **beat)

    def _arrive(self, name: str, **values: object) -> None:
        for rule in self.rules:
            page = {"id": rule["page_id"], "user_id": rule["user_id"]}
            contact = self.world.contact(page, sender_name=name, **values)
            self.world.insert(
                "public.contact_messages",
                user_id=rule["user_id"],
                contact_id=contact["id"],
                direction="in",
                body=f"Good morning, {name}",
                facebook_message_id=str(uuid.uuid4()),
            )

    def _schedule(self) -> None:
        self.world.rows("update public.ai_automation_rules set next_run_at = now() returning 1")
        call(self.world.connection, "enqueue_due_contacts")

    def _travel(self) -> None:
        for rule in self.rules:
            run_now(self.world, rule)
        self.worker.check()
        self.worker.write()
        self.worker.send()

    def _write(self, job: Row) -> None:
        if job["contact_name"] == "breaks the AI":
            self.worker.record([job], "failed", error_code="blocked", error_message="No words.")
        else:
            self.worker.record([job], "ready_to_send", generated_message="Still hungry?")

    def _send(self, job: Row) -> None:
        if job["contact_name"] == "is being sent to":
            self.held.append(job)
            return
        stage, said = ANSWERS[job["contact_name"]]
        if stage == "sent":
            said = {**said, "facebook_message_id": str(uuid.uuid4())}
        later = 0 if stage == "sent" else 600
        self.worker.record([job], stage, after_seconds=later, **said)

    def _named(self, name: str) -> list[Row]:
        return self.world.rows(
            "select c.id, c.user_id, s.id as state_id from public.contacts as c"
            " inner join public.ai_automation_contact_states as s on s.contact_id = c.id"
            " where c.sender_name = %s",
            name,
        )

    def _age(self, rule: Row, days: int) -> None:
        """Puts everything that happened under a rule that many days back."""
        columns = self.world.rows(
            "select table_name, column_name from information_schema.columns"
            " where table_schema = 'public' and table_name = any(%s)"
            " and data_type in ('date', 'timestamp with time zone')",
            list(HAPPENED_UNDER_A_RULE),
        )
        for column in columns:
            table, name = column["table_name"], column["column_name"]
            self.world.rows(
                f"update public.{table} set {name} = {name} - make_interval(days => %s)"  # noqa: S608
                f" where rule_id = %s returning 1",
                days,
                rule["id"],
            )


@contextmanager
def copy_of(past: Past, cluster: Postgres) -> Iterator[Past]:
    """The same in a database of its own; nobody may be connected to the original meanwhile."""
    original, copied = past.world.connection.info.dbname, f"version_1_{uuid.uuid4().hex[:8]}"
    past.world.close()
    with psycopg.connect(cluster.superuser_dsn(), autocommit=True) as admin:
        command = sql.SQL("create database {} owner postgres template {}")
        admin.execute(command.format(sql.Identifier(copied), sql.Identifier(original)))
    past.world.connection = World(cluster.dsn(dbname=original)).connection
    another = copy(past)
    with closing(World(cluster.dsn(dbname=copied))) as another.world:
        another.worker = Worker(another.world.connection)
        yield another


def columns(world: World) -> dict[str, list[str]]:
    """The columns of each table as version 1 has them."""
    found = world.rows(
        "select table_name, array_agg(column_name::text order by ordinal_position) as names"
        " from information_schema.columns where table_schema = 'public' and table_name = any(%s)"
        " group by table_name",
        list(TABLES),
    )
    return {row["table_name"]: row["names"] for row in found}


def contents(world: World, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """Every row, in those columns."""
    return {
        table: [
            row["whole"]
            for row in world.rows(
                f"select row({', '.join(names)})::text as whole"  # noqa: S608
                f" from public.{table} order by 1"
            )
        ]
        for table, names in columns.items()
    }
