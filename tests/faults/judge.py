"""This file is where a cell is judged, from what Facebook received and what the tables hold."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from pipeline.looks import last_look
from tests.builders import Row
from tests.database.books import check_attempts, check_histories
from tests.faults.screen import differences
from tests.faults.town import LEASE_SECONDS, LOOK_FOR_SECONDS, Town

MOVING = ("checking", "generating", "sending")
# What a lost worker held is free after one lease; an unclear send is looked for this long.
WINDOW_SECONDS = last_look(LEASE_SECONDS, LOOK_FOR_SECONDS)
STATES = """
select s.id, s.contact_id, c.sender_id, s.current_stage::text as stage, s.error_code, s.reason_code,
    s.follow_up_count, s.attempt
from public.ai_automation_contact_states as s
inner join public.contacts as c on c.id = s.contact_id
where s.rule_id = any(%s)
"""


@dataclass
class Verdict:
    """What a cell came to; `wrong` is empty when every promise was kept."""

    contacts: int = 0
    delivered: int = 0
    twice: int = 0
    lost: int = 0
    stuck: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    not_run: bool = False
    """This machine lacks something, and `ends` says what."""

    def want(self, done: int, wanted: int, what: str) -> None:
        """What did not happen was not survived either."""
        if done < wanted:
            self.wrong.append(f"only {done} of {wanted} {what}")

    def want_everything(self, events: int) -> None:
        """A row of the matrix in which nothing happened, or nobody was there, shows nothing."""
        if not self.not_run:
            self.want(events, 1, "events")
            self.want(self.contacts, 1, "contacts")
            self.want(self.delivered, 1, "messages")

    @property
    def words(self) -> str:
        """How contacts ended, most frequent first."""
        return ", ".join(f"{count} {end}" for end, count in self.ends.most_common())


MOVED = """
select max(s.stage_entered_at) as moved_at
from public.ai_automation_contact_states as s where s.rule_id = any(%s)
"""
LONGEST_SECONDS = 1200.0


async def settle_down(
    town: Town, rules: list[Row], seconds: float, *, waiting: bool = False
) -> float:
    """Waits until nobody is on the way any more, or nobody has moved for `seconds`.

    Returns how long it took. A slow machine is not a stuck contact: while some still move, the
    others may only be waiting for their turn. With `waiting`, somebody whose time has not come is
    not waited for.
    """
    started = moved = time.monotonic()
    last = None
    ids = [rule["id"] for rule in rules]
    query = (
        "select 1 from public.ai_automation_contact_states where rule_id = any(%s) and ("
        " current_stage in ('checking', 'generating', 'sending')"
        " or current_stage in ('queued', 'eligible', 'ready_to_send')"
        " and (not %s or due_at <= now())) limit 1"
    )
    while town.rows(query, ids, waiting):
        [now] = town.rows(MOVED, ids)
        if now["moved_at"] != last:
            last, moved = now["moved_at"], time.monotonic()
        if time.monotonic() - moved > seconds or time.monotonic() - started > LONGEST_SECONDS:
            break
        await asyncio.sleep(0.1)
    return time.monotonic() - started


def judge(town: Town, rules: list[Row], *, waiting: bool = False) -> Verdict:
    """Counts; `waiting` allows contacts that wait for their time in a stage that nobody holds."""
    ids = [rule["id"] for rule in rules]
    states = town.rows(STATES, ids)
    verdict = Verdict(contacts=len(states))
    verdict.ends = Counter(_end(state) for state in states)
    received = _received(town, states)
    verdict.delivered = sum(received.values())
    verdict.twice = _sent_twice(town, ids)
    for state in states:
        got = received[state["sender_id"]]
        if got > max(state["follow_up_count"], 1):
            verdict.wrong.append(f"{state['id']} got {got} messages")
        if state["stage"] in ("sent", "completed") and got < state["follow_up_count"]:
            verdict.lost += 1
        if got and state["stage"] in ("queued", "eligible", "ready_to_send", "skipped"):
            verdict.wrong.append(f"{state['id']} got a message and is {state['stage']}")
        verdict.stuck += state["stage"] in MOVING
        verdict.stuck += not waiting and state["stage"] in ("queued", "eligible", "ready_to_send")
    _check_books(town, rules, verdict)
    verdict.wrong += differences(town, rules)
    for name in ("twice", "lost", "stuck"):
        if count := getattr(verdict, name):
            verdict.wrong.append(f"{count} {name}")
    return verdict


def left_out(why: str) -> tuple[int, Verdict]:
    """What a cell says that cannot be run here."""
    verdict = Verdict(not_run=True)
    verdict.ends[why] = 0
    return 0, verdict


def _end(state: Row) -> str:
    why = state["error_code"] or state["reason_code"]
    return f"{state['stage']}/{why}" if why else str(state["stage"])


def _received(town: Town, states: list[Row]) -> Counter[str]:
    ours = {state["sender_id"] for state in states}
    everything = town.facebook.messages()
    return Counter(row["recipient_id"] for row in everything if row["recipient_id"] in ours)


def _sent_twice(town: Town, ids: list[object]) -> int:
    """Contacts and follow-ups of which Facebook received more than one try."""
    tries = {
        f"stagelight:{row['id']}": (row["state_id"], row["follow_up"])
        for row in town.rows(
            "select id, state_id, follow_up from public.ai_automation_attempts"
            " where rule_id = any(%s)",
            ids,
        )
    }
    seen = Counter(
        tries[row["metadata"]] for row in town.facebook.messages() if row["metadata"] in tries
    )
    return sum(count > 1 for count in seen.values())


def _check_books(town: Town, rules: list[Row], verdict: Verdict) -> None:
    """Histories without a gap, along the graph; tries and counts that agree."""
    for rule in rules:
        states = town.rows(
            "select * from public.ai_automation_contact_states where rule_id = %s order by id",
            rule["id"],
        )
        try:
            check_histories(town.world, rule, states)
            check_attempts(town.world, rule, states)
        except AssertionError as error:
            verdict.wrong.append(f"books of {rule['name']}: {str(error).splitlines()[:1]}")
