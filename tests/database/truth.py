"""This file is where the database is read, to be compared with the model after every step."""

from collections import Counter
from uuid import UUID

from psycopg.types.json import Jsonb

from pipeline.stages import IN_FLIGHT, Stage
from tests.builders import Row, World
from tests.database import books
from tests.database.model import Contact, Model

STATES = """
select
    s.id, s.contact_id, s.current_stage::text as stage, s.reason_code as reason,
    s.follow_up_count as follow_ups, s.due_at <= now() as is_due,
    s.next_check_at is not null as has_next_check, s.stopped_at is not null as stopped,
    s.approved_at is not null as approved, s.quota_day is not null as place,
    s.times_lost as lost, s.run_id, s.lease_token as token,
    c.last_inbound_at > s.last_sent_at as wrote_after_us,
    coalesce(s.next_check_at <= now(), false) as is_to_be_checked
from public.ai_automation_contact_states as s
inner join public.contacts as c on c.id = s.contact_id
where s.rule_id = %s
"""
RUNS = """
select r.id, r.total, r.sent, r.skipped, r.failed, r.finished_at is not null as is_finished
from public.ai_automation_runs as r
where r.rule_id = %s
"""
FOLLOW_UP_RUN = """
select r.id from public.ai_automation_runs as r
where r.rule_id = %s and starts_with(r.slot, 'follow-ups') order by r.requested_at desc limit 1
"""
TRIES = """
select a.state_id, a.follow_up, a.outcome
from public.ai_automation_attempts as a
where a.rule_id = %s
"""
ECHO = """
select c.sender_id, 'out' as direction, 'm_' || a.id as mid, a.id::text as attempt_id
from public.ai_automation_attempts as a
inner join public.contacts as c on c.id = a.contact_id
where a.state_id = %s
order by a.started_at offset %s limit 1
"""
PLACES = """
select coalesce(sum(u.reserved), 0)::int as places
from public.ai_automation_daily_usage as u
where u.rule_id = %s
"""
EVENTS = """
select e.id, e.state_id, e.from_stage::text, e.to_stage::text
from public.ai_automation_stage_events as e
where e.rule_id = %s and e.id > %s
order by e.id
"""
FLOW = """
select m.stage::text as stage, sum(m.entered - m.passed)::int as contacts
from public.ai_automation_stage_minutes as m
where m.rule_id = %s
group by m.stage
"""
CARDS = """
select s.stage::text as stage, s.contacts
from public.automation_stage_summary as s
where s.rule_id = %s
order by s.position
"""
STATS = "select * from public.automation_live_stats as l where l.rule_id = %s"
# What a worker may still do with a contact depends on these; the rest follows from them.
SAME = ("stage", "reason", "follow_ups", "is_due", "stopped", "approved", "place", "lost", "run_id")


class Truth:
    """What the database says of one automation."""

    def __init__(self, world: World, rule: Row) -> None:
        self.world = world
        self.rule_id = rule["id"]
        self.problems: Counter[str | None] = Counter()
        self.seen: Counter[tuple[str, str]] = Counter()
        self._last_event = 0
        self._chains: dict[int, list[str]] = {}
        self._gone: Counter[str] = Counter()

    def rows(self, query: str, *values: object) -> list[Row]:
        """The answer to one of the questions above."""
        return self.world.rows(query, self.rule_id, *values)

    def stages(self) -> dict[int, str]:
        """Where everybody is now."""
        return {row["id"]: row["stage"] for row in self.rows(STATES)}

    def state_ids(self) -> dict[UUID, int]:
        """The states by whom they are about."""
        return {row["contact_id"]: row["id"] for row in self.rows(STATES)}

    def runs(self) -> set[UUID]:
        """The runs so far."""
        return {row["id"] for row in self.rows(RUNS)}

    def follow_up_run(self) -> UUID:
        """The latest run of those whose next check was due."""
        [row] = self.rows(FOLLOW_UP_RUN)
        run_id: UUID = row["id"]
        return run_id

    def forget(self, contact: Contact) -> None:
        """The contact is deleted: who came in and did not go out is not there any more."""
        self._chains.pop(contact.state_id, None)
        self._gone[contact.stage] += bool(contact.stage)

    def check(self, model: Model) -> None:
        """The model and the database agree, and the counts are what a person would count."""
        self.check_contacts(model)
        self.check_history(model)
        self.check_runs(model)
        self.check_tries(model)
        [places] = self.rows(PLACES)
        assert places["places"] == model.reserved
        self.check_counts(model)

    def echo_of(self, contact: Contact, number: int) -> Jsonb:
        """What Facebook says of the contact's try, as settle_by_echoes is told it."""
        [echo] = self.world.rows(ECHO, contact.state_id, number)
        return Jsonb([echo])

    def check_contacts(self, model: Model) -> None:
        """Every contact is where the model says, with what it holds."""
        states = {row["id"]: row for row in self.rows(STATES)}
        known = {contact.state_id: contact for contact in model.contacts if contact.stage}
        assert states.keys() == known.keys()
        for state_id, contact in known.items():
            state = states[state_id]
            said = {name: state[name] for name in SAME}
            expected = {name: getattr(contact, name) for name in SAME}
            if contact.stage in ("sent", "skipped", "completed", "failed"):
                said["is_due"] = expected["is_due"] = True
            assert said == expected, (state_id, contact.history, said, expected)
            assert state["token"] == contact.token
            assert state["has_next_check"] == (contact.next_check is not None)
            assert state["is_to_be_checked"] == (
                contact.next_check is not None and contact.next_check <= model.now
            )
            assert state["wrote_after_us"] == (
                None if contact.sent_at is None else contact.wrote > contact.sent_at
            )

    def check_history(self, model: Model) -> None:
        """Events follow one another without a gap, and are what happened."""
        for event in self.rows(EVENTS, self._last_event):
            self._last_event = event["id"]
            chain = self._chains.setdefault(event["state_id"], [])
            assert event["from_stage"] == (chain[-1] if chain else None)
            chain.append(event["to_stage"])
            self.seen[event["from_stage"], event["to_stage"]] += 1
        assert self._chains == {c.state_id: c.history for c in model.contacts if c.stage}

    def check_runs(self, model: Model) -> None:
        """total = sent + skipped + failed + in flight; finished means that nobody is in flight."""
        runs = {row["id"]: row for row in self.rows(RUNS)}
        flying = Counter(c.run_id for c in model.contacts if c.stage in IN_FLIGHT)
        assert runs.keys() == model.runs.keys()
        for run_id, run in model.runs.items():
            row = runs[run_id]
            said = (row["total"], row["sent"], row["skipped"], row["failed"])
            assert said == (run.total, run.sent, run.skipped, run.failed)
            assert run.total == run.sent + run.skipped + run.failed + flying[run_id]
            assert row["is_finished"] == (flying[run_id] == 0)

    def check_tries(self, model: Model) -> None:
        """Every try is known, and at most one of a follow-up was, or may have been, accepted."""
        tries = Counter(
            (row["state_id"], row["follow_up"], row["outcome"]) for row in self.rows(TRIES)
        )
        assert tries == Counter(
            (c.state_id, t.follow_up, t.outcome) for c in model.contacts for t in c.tries
        )
        out = Counter(
            key[:2] for key in tries.elements() if key[2] in ("sending", "sent", "unknown")
        )
        assert all(number == 1 for number in out.values())

    def check_counts(self, model: Model) -> None:
        """Cards, numbers and flow are what a recount of the contacts says."""
        there = Counter(contact.stage for contact in model.contacts if contact.stage)
        expected = {stage.value: there[stage] for stage in Stage}
        assert {row["stage"]: row["contacts"] for row in self.rows(CARDS)} == expected
        [stats] = self.rows(STATS)
        assert {stage: stats[stage] for stage in expected} == expected
        assert stats["total"] == there.total()
        assert stats["in_flight"] == sum(there[stage] for stage in IN_FLIGHT)
        flow = {row["stage"]: row["contacts"] for row in self.rows(FLOW) if row["contacts"]}
        assert flow == dict(there + self._gone)
        books.check_counts(self.world, {"id": self.rule_id})
