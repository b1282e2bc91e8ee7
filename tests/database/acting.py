"""This file is where database tests act: as a worker, and as a person who signed in."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.builders import Row, World


def call(connection: psycopg.Connection[Row], function: str, **arguments: Any) -> list[Row]:
    """The rows that a function of the migration returns."""
    named = sql.SQL(", ").join(
        sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
        for name in arguments
    )
    command = sql.SQL("select * from public.{}({})").format(sql.Identifier(function), named)
    return connection.execute(command, arguments).fetchall()


@contextmanager
def as_user(world: World, person: Row) -> Iterator[None]:
    """What is done inside is done by a signed-in person, in one transaction."""
    with world.connection.transaction():
        claims = Jsonb({"sub": str(person["id"]), "role": "authenticated"})
        world.connection.execute("set local role authenticated")
        world.connection.execute(
            "select set_config('request.jwt.claims', %s::text, true)", [claims]
        )
        yield


def call_as(world: World, person: Row, function: str, **arguments: Any) -> Any:
    """The one value that a function answers to a signed-in person."""
    with as_user(world, person):
        [answer] = call(world.connection, function, **arguments)
    return answer[function]


def run_now(world: World, rule: Row) -> Row:
    """The owner of the rule presses the button."""
    return dict(call_as(world, {"id": rule["user_id"]}, "request_run", p_rule_id=rule["id"]))


def change(world: World, table: str, row: Row, **values: Any) -> None:
    """Changes a row behind everybody's back."""
    changes = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values
    )
    command = sql.SQL("update public.{} set {} where id = {}").format(
        sql.Identifier(table), changes, sql.Placeholder("id")
    )
    world.connection.execute(command, {**values, "id": row["id"]})


class Worker:
    """A worker that does each step when it is told to."""

    def __init__(self, connection: psycopg.Connection[Row], name: str = "worker-1") -> None:
        self.connection = connection
        self.name = name

    def has_worked_for(self, minutes: float) -> None:
        """It beat so long ago for the first time, and has not since."""
        self.connection.execute(
            "insert into public.ai_automation_workers as w (name, started_at, beat_at)"
            " select %(name)s, t.moment, t.moment"
            " from (select now() - make_interval(secs => %(seconds)s) as moment) as t"
            " on conflict (name) do update set started_at = excluded.started_at",
            {"name": self.name, "seconds": 60 * minutes},
        )

    def claim(
        self,
        stage: str,
        limit: int = 1000,
        lease_seconds: int = 30,
        in_hand: Row | None = None,
    ) -> list[Row]:
        """What claim_contacts hands out; without `in_hand` as older workers call it."""
        told = {} if in_hand is None else {"p_in_hand": Jsonb(in_hand)}
        return call(
            self.connection,
            "claim_contacts",
            p_stage=stage,
            p_worker=self.name,
            p_limit=limit,
            p_lease_seconds=lease_seconds,
            **told,
        )

    def decide(self, jobs: Sequence[Row]) -> list[Row]:
        """Lets the rules decide about claimed contacts."""
        claims = [
            {"state_id": job["state_id"], "lease_token": str(job["lease_token"])} for job in jobs
        ]
        return call(self.connection, "decide_contacts", p_claims=Jsonb(claims))

    def check(self, limit: int = 1000) -> list[Row]:
        """Claims what is queued and decides."""
        return self.decide(self.claim("queued", limit))

    def record(self, jobs: Sequence[Row], to: str, **fields: Any) -> list[Row]:
        """Writes down that each of the jobs went to stage `to`."""
        return self.tell([outcome(job, to, **fields) for job in jobs])

    def tell(self, outcomes: Sequence[Row]) -> list[Row]:
        """Writes results down, whatever they say."""
        return call(self.connection, "record_outcomes", p_outcomes=Jsonb(list(outcomes)))

    def write(self, limit: int = 1000) -> list[Row]:
        """Has a message written for every eligible contact."""
        return self.record(
            self.claim("eligible", limit), "ready_to_send", generated_message="See you Saturday?"
        )

    def send(self, limit: int = 1000) -> list[Row]:
        """Hands every written message to Facebook, which accepts it."""
        return self.record(
            self.claim("ready_to_send", limit),
            "sent",
            attempt_outcome="sent",
            facebook_message_id=f"m_{uuid.uuid4()}",
        )


def outcome(job: Row, to: str, **fields: Any) -> Row:
    """An element of record_outcomes, as the holder of the job would write it."""
    return {
        "state_id": job["state_id"],
        "lease_token": job["lease_token"] and str(job["lease_token"]),
        "from_stage": job["stage"],
        "to_stage": to,
        **fields,
    }
