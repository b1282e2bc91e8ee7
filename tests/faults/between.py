"""This file is where somebody steps in between two calls of a worker, and nothing goes out then."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg

from tests.builders import Row
from tests.faults.gate import Trap
from tests.faults.judge import Verdict
from tests.faults.kills import POINTS, SETTLING
from tests.faults.town import Hand, Town


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody does to the world; a deletion is over when the contact is gone."""

    name: str
    statement: LiteralString
    deletes: bool = False


CHANGES = (
    Change(
        "page token replaced by a bad one",
        "update public.facebook_page_secrets set encrypted_token = 'bad', updated_at = now()"
        " where page_id = %(page)s",
    ),
    Change(
        "rule switched off",
        "update public.ai_automation_rules set enabled = false where id = %(rule)s",
    ),
    Change(
        "STOP heard",
        "select public.hear_messages(%(page)s, jsonb_agg(jsonb_build_object('mid', 'm_' || c.id,"
        " 'sender_id', c.sender_id, 'direction', 'in', 'text', 'STOP', 'said_at', now())))"
        " from public.contacts as c where c.page_id = %(page)s",
    ),
    Change(
        "contact deleted by its owner",
        "select set_config('request.jwt.claims', jsonb_build_object('sub', %(user)s::text)::text,"
        " false), public.delete_contact(c.id) from public.contacts as c where c.page_id = %(page)s",
        deletes=True,
    ),
    Change(
        "contact asks Facebook to be forgotten",
        "insert into public.contact_deletions (code, contact_ids, resolved_at)"
        " select 'c' || c.id, array[c.id], now() from public.contacts as c"
        " where c.page_id = %(page)s",
        deletes=True,
    ),
    Change(
        "contact deleted by SQL",
        "delete from public.contacts where page_id = %(page)s",
        deletes=True,
    ),
    Change("user deleted", "delete from auth.users where id = %(user)s", deletes=True),
)
BETWEEN = tuple(place for place in POINTS if place[0] not in SETTLING)
# A call that was under way when the change was committed may arrive, and is then written down; no
# other may. After a deletion none may at all.
UNDER_WAY = ("claim:ready_to_send", "facebook:send", "record:sent")
# Where the contact is whom the change is to meet, from the first claim on.
STAGES = {
    ("claim:queued", "after"): {"checking"},
    ("decide_contacts", "before"): {"checking"},
    ("decide_contacts", "after"): {"eligible", "generating"},
    ("record:ready_to_send", "after"): {"ready_to_send", "sending"},
    **{place: {"sending"} for place in BETWEEN if place[0] in UNDER_WAY},
    ("record:sent", "after"): {"sent"},
}
STAGE = """
select s.current_stage::text as stage from public.ai_automation_contact_states as s
where s.rule_id = %s
"""
PARK = """
update public.ai_automation_contact_states set due_at = now() + %s
where current_stage in ('queued', 'eligible', 'ready_to_send') and (due_at <= now()) = %s
returning id
"""
IN_HAND = """
select 1 from public.ai_automation_contact_states
where current_stage in ('checking', 'generating', 'sending') and lease_expires_at > now() limit 1
"""
# Calls about one contact; the others go on for ever.
WORK = ("decide_contacts", "google", "record:ready_to_send", "facebook:send", "record:sent")
IDLE_SECONDS = 0.15
# A change that waits for the call cannot be waited for by it; any other is committed by then.
HELD_SECONDS = 0.7
DONE_SECONDS = 60
LATER_SECONDS = 10
# By SQL contacts are locked before their states, by workers after them: PostgreSQL ends the circle.
REFUSED = ("PT409", "40P01")
TRIES = """
select count(*) filter (where a.outcome = 'sent') as sent from public.ai_automation_attempts as a
inner join public.contacts as c on c.id = a.contact_id where c.sender_id = any(%s)
"""


@dataclass(frozen=True, slots=True)
class Event:
    """A change at a point: in which stage it met whom, when it was over, how long it took, and how
    often it was refused because a message was under way.
    """

    change: Change
    point: str
    side: str
    stage: str
    people: list[str]
    over_at: float
    seconds: float
    refused: int


async def step_in(town: Town) -> tuple[int, Verdict]:
    """Somebody changes the world between two calls, at each point; nothing new goes out then."""
    verdict = Verdict()
    log_began = town.log_length()
    # Nothing ends here because a lease does.
    hand = await town.hand(30)
    events: list[Event] = []
    for change in CHANGES:
        for point, side in BETWEEN:
            events.append(await _step_in_at(town, hand, change, point, side))
            verdict.ends[change.name] += 1
    town.rows(PARK, timedelta(), False)
    # Whatever would have gone on has by then.
    await asyncio.sleep(LATER_SECONDS)
    messages = town.facebook.messages()
    for event in events:
        times = [
            datetime.fromisoformat(row["received_at"]).timestamp()
            for row in messages
            # The answer to a STOP is none of an automation's.
            if row["recipient_id"] in event.people and row["metadata"].startswith("stagelight:")
        ]
        _judge(town, event, times, verdict)
    # What Facebook took of a contact that was gone would have been written down nowhere.
    unheld = [
        line for line in town.lines(log_began) if line.get("problem") and line["stage"] == "sending"
    ]
    if unheld:
        verdict.wrong.append(f"{len(unheld)} sends could not be written down")
    deletions = [event for event in events if event.change.deletes]
    slowest = max(event.seconds for event in deletions)
    refused = sum(event.refused > 0 for event in deletions)
    verdict.ends[f"{refused} deletions refused at first, done in {slowest:.1f} s at most"] = 0
    await town.dismiss()
    town.owner = town.world.user()
    return len(events), verdict


def _judge(town: Town, event: Event, times: list[float], verdict: Verdict) -> None:
    verdict.contacts += len(event.people)
    verdict.delivered += len(times)
    where = f"{event.change.name} {event.side} {event.point}"
    if event.stage not in STAGES.get((event.point, event.side), {"generating"}):
        verdict.wrong.append(f"{where}: met somebody in {event.stage}")
    late = sum(at > event.over_at for at in times)
    if late > (event.point in UNDER_WAY and not event.change.deletes) or len(times) > 1:
        verdict.wrong.append(f"{where}: {len(times)} messages, {late} of them afterwards")
    if not event.change.deletes and town.rows(TRIES, event.people)[0]["sent"] != len(times):
        verdict.wrong.append(f"{where}: {len(times)} messages, written down otherwise")


async def _step_in_at(town: Town, hand: Hand, change: Change, point: str, side: str) -> Event:
    """One contact is on the way; the change meets it there."""
    town.owner = town.world.user()
    [rule] = rules = town.rules(1)
    sprung = asyncio.Event()
    changing: list[asyncio.Task[tuple[float, int]]] = []
    stages: list[str] = []
    values = {"page": rule["page_id"], "rule": rule["id"], "user": town.owner["id"]}
    town.queue(rules, 1, held=True)
    query = "select sender_id from public.contacts where page_id = %s"
    people = [row["sender_id"] for row in town.rows(query, rule["page_id"])]

    async def step() -> None:
        stages.append(town.rows(STAGE, rule["id"])[0]["stage"])
        changing.append(asyncio.create_task(_change(town, change, values, people)))
        sprung.set()
        await asyncio.wait(changing, timeout=HELD_SECONDS)

    # Not the answer to a STOP of the event before.
    whom = people[0] if point == "facebook:send" else ""
    hand.gate.trap = Trap(point, side, step, containing=whom)
    town.rows("update public.ai_automation_contact_states set due_at = now()"
              " where rule_id = %s returning id", rule["id"])  # fmt: skip
    async with asyncio.timeout(60):
        await sprung.wait()
    started = time.monotonic()
    over_at, refused = await changing[0]
    seconds = time.monotonic() - started
    await _idle(town, hand)
    return Event(change, point, side, stages[0], people, over_at, seconds, refused)


async def _idle(town: Town, hand: Hand) -> None:
    """What goes on with this contact is over, so that the next trap is sprung by the next one.

    If it waits for a step it waits until the end, when whatever may go on does.
    """
    still = 0
    async with asyncio.timeout(60):
        while still < 3:
            await asyncio.sleep(IDLE_SECONDS / 3)
            is_busy = any(hand.gate.under_way[point] for point, _ in BETWEEN if point in WORK)
            parked = town.rows(PARK, timedelta(hours=1), True)
            still = 0 if is_busy or parked or town.rows(IN_HAND) else still + 1


async def _change(
    town: Town, change: Change, values: dict[str, Any], people: list[str]
) -> tuple[float, int]:
    """When it was over, on the machine's clock, and how often it was refused before."""
    refused = 0
    async with _connected(town) as connection, asyncio.timeout(DONE_SECONDS):
        while True:
            try:
                await connection.execute(change.statement, values)
                break
            except psycopg.Error as error:
                if error.sqlstate not in REFUSED:
                    raise
                refused += 1
                await asyncio.sleep(0.05)
        left = "select 1 from public.contacts where sender_id = any(%s)"
        while change.deletes and await (await connection.execute(left, [people])).fetchone():
            await asyncio.sleep(0.01)
    return time.time(), refused


@asynccontextmanager
async def _connected(town: Town) -> AsyncIterator[psycopg.AsyncConnection[Row]]:
    """As its superuser."""
    dsn = town.cluster.superuser_dsn()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        yield connection  # type: ignore[misc]
