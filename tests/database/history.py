"""This file is where a random history of one automation is made, step by step."""

import itertools
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest

from tests.builders import Row, World, ago
from tests.database import books
from tests.database.acting import Worker, call, call_as, change, run_now

LIMIT = 25
# What may become of a contact in hand, by stage; the first is usual
ENDS = {
    "generating": [
        ("ready_to_send", {"generated_message": "See you Saturday?"}),
        ("eligible", {"error_code": "busy"}),
        ("failed", {"error_code": "refused"}),
    ],
    "sending": [
        ("sent", {"attempt_outcome": "sent"}),
        ("ready_to_send", {"error_code": "busy", "attempt_outcome": "retry"}),
        ("failed", {"error_code": "refused", "attempt_outcome": "failed"}),
        ("failed", {"error_code": "outcome_unknown", "attempt_outcome": "unknown"}),
        ("sending", {"error_code": "outcome_unknown", "attempt_outcome": "unknown"}),
    ],
}
SKIPS = {("eligible", "skipped"), ("ready_to_send", "skipped")}
REQUEUED = {("skipped", "queued"), ("sent", "queued")}


class History:
    """Everything that workers, the owner and time can do, in an order that `seed` decides."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.books = books.Books()
        self.held: list[Row] = []
        self.enabled = True
        self.trail: list[str] = []
        self._chance = random.Random(seed)  # noqa: S311
        self._numbers = itertools.count()
        self._workers = [Worker(world.connection, name) for name in ("worker-1", "worker-2")]
        self.page = world.page(world.user(), sends_per_minute=2400)
        self.owner = {"id": self.page["user_id"]}
        self.rule = world.rule(self.page, daily_limit=LIMIT, include_tags=["class"])
        for _ in range(15):
            self.somebody_writes()
        run_now(world, self.rule)
        self._steps: dict[Callable[[], None], int] = {
            self.somebody_writes: 4,
            self.the_owner_runs_it: 3,
            self.the_schedule_runs_it: 3,
            self.a_worker_checks: 10,
            self.a_worker_dies_checking: 4,
            self.a_worker_writes: 10,
            self.a_worker_sends: 10,
            self.a_worker_settles: 4,
            self.results_are_written_down: 24,
            self.leases_run_out: 4,
            self.the_owner_cancels: 1,
            self.the_owner_retries: 3,
            self.the_owner_switches: 2,
            self.somebody_replies: 2,
            self.sequences_end: 1,
            self.the_owner_deletes: 1,
        }

    def step(self) -> None:
        """One step, after which the books must be right."""
        [step] = self._chance.choices(list(self._steps), list(self._steps.values()))
        self.trail.append(step.__name__)
        step()
        self.books.check(self.world, self.rule, LIMIT)

    @contextmanager
    def allows(self, *moves: tuple[str, str]) -> Iterator[None]:
        """Nothing but these moves happens inside the block."""
        before = books.stages(self.world, self.rule)
        yield
        after = books.stages(self.world, self.rule)
        seen = {(before[i], after[i]) for i in before.keys() & after.keys()}
        assert {move for move in seen if move[0] != move[1]} <= set(moves)
        self.books.seen |= seen

    def some(self, share: float) -> list[int]:
        """The ids of about this share of the contacts."""
        return [
            state for state in books.stages(self.world, self.rule) if self._chance.random() < share
        ]

    def owner_calls(self, function: str, **arguments: object) -> object:
        """What the function answers to the owner."""
        return call_as(self.world, self.owner, function, **arguments)

    def claim(self, stage: str) -> list[Row]:
        """Some contacts for either worker; now and then its lease ends at once."""
        lease_seconds = self._chance.choice([30, 30, 0])
        return self._chance.choice(self._workers).claim(
            stage, self._chance.randint(1, 8), lease_seconds
        )

    def somebody_writes(self) -> None:
        opted_out_at = self._chance.choice([None] * 9 + [ago(days=1)])
        hours = self._chance.choice([2, 2, 9, 20, 30])
        tags = self._chance.choice([["class"]] * 4 + [["other"]])
        moment = ago(hours=hours, seconds=next(self._numbers))
        self.world.contact(self.page, opted_out_at=opted_out_at, last_inbound_at=moment, tags=tags)

    def the_owner_runs_it(self) -> None:
        with self.allows(*REQUEUED):
            if self.enabled:
                run_now(self.world, self.rule)
            else:
                with pytest.raises(psycopg.errors.RaiseException, match="switched off"):
                    run_now(self.world, self.rule)

    def the_schedule_runs_it(self) -> None:
        for table, name, where in (
            ("ai_automation_contact_states", "next_check_at", "rule_id"),
            ("ai_automation_rules", "next_run_at", "id"),
        ):
            self.world.rows(
                f"update public.{table} set {name} = now()"  # noqa: S608
                f" where {where} = %s and {name} is not null returning 1",
                self.rule["id"],
            )
        with self.allows(*REQUEUED):
            call(self.world.connection, "enqueue_due_contacts")

    def a_worker_checks(self) -> None:
        with self.allows(("queued", "checking")):
            jobs = self.claim("queued")
        with self.allows(("checking", "eligible"), ("checking", "skipped")):
            assert all(answer["decided"] for answer in self._workers[0].decide(jobs))

    def a_worker_dies_checking(self) -> None:
        with self.allows(("queued", "checking")):
            self._workers[1].claim("queued", 2, lease_seconds=0)

    def a_worker_writes(self) -> None:
        with self.allows(("eligible", "generating"), *SKIPS):
            self.held += self.claim("eligible")

    def a_worker_sends(self) -> None:
        with self.allows(("ready_to_send", "sending"), *SKIPS):
            self.held += self.claim("ready_to_send")

    def a_worker_settles(self) -> None:
        with self.allows():
            self.held += self.claim("sending")

    def results_are_written_down(self) -> None:
        self._chance.shuffle(self.held)
        for job in [self.held.pop() for _ in self.held[:6]]:
            self.write_down(job)

    def write_down(self, job: Row) -> None:
        """One result, of a worker that may have lost the contact meanwhile."""
        ends = ENDS[job["stage"]]
        to, said = self._chance.choice([*ends[:1] * 6, *ends])
        if to == "sent":
            said = {**said, "facebook_message_id": str(uuid.uuid4())}
        held = books.token(self.world, job) == job["lease_token"]
        with self.allows((job["stage"], to)):
            [answer] = self._workers[0].record([job], to, **said)
        assert answer["recorded"] == held
        self.books.stale += not held
        self.books.sent += held and to == "sent"

    def leases_run_out(self) -> None:
        with self.allows(
            ("checking", "queued"), ("generating", "eligible"), ("generating", "failed")
        ):
            call(self.world.connection, "reclaim_expired_leases")

    def the_owner_cancels(self) -> None:
        with self.allows(("queued", "skipped"), *SKIPS):
            self.owner_calls("cancel_contacts", p_state_ids=[0, *self.some(0.1)])

    def the_owner_retries(self) -> None:
        with self.allows(("failed", "queued"), ("skipped", "queued")):
            chosen = self.some(0.5)
            # What may be out keeps its place, also when a person has it sent again.
            [unknown] = self.world.rows(
                "select count(*) as places from public.ai_automation_contact_states"
                " where id = any(%s) and current_stage = 'failed' and quota_day is not null",
                chosen,
            )
            self.books.kept += unknown["places"]
            self.owner_calls("retry_contacts", p_state_ids=[0, *chosen])

    def the_owner_switches(self) -> None:
        self.enabled = self._chance.random() < 0.8
        with self.allows():
            self.owner_calls("set_rule_enabled", p_rule_id=self.rule["id"], p_enabled=self.enabled)

    def somebody_replies(self) -> None:
        with self.allows(("sent", "completed")):
            for contact in books.contacts_of(self.world, self.some(0.08)):
                change(self.world, "contacts", contact, last_inbound_at=datetime.now(UTC))

    def sequences_end(self) -> None:
        with self.allows(("skipped", "completed"), ("sent", "completed")):
            call(self.world.connection, "complete_finished_sequences")

    def the_owner_deletes(self) -> None:
        with self.allows():
            self.books.delete(self.world, self.some(0.08))
