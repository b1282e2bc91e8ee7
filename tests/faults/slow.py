"""This file is where one page and one model answer slowly, and the others must not notice."""

import asyncio
import time

from tests.builders import Row
from tests.faults.judge import Verdict
from tests.faults.kills import wait_and_judge
from tests.faults.providers import contacts, rename
from tests.faults.town import Town

# Less than what a call to Facebook is given up after.
SECONDS = 18.0
PLACES = 6
OTHERS = 3
# Few, so that a busy machine has time for them while one slow call lasts.
EACH = 3
UNDER_WAY = """
select count(*) filter (where s.rule_id = %s and s.current_stage = 'sending') as sends,
    count(*) filter (where s.rule_id = %s and s.current_stage = 'generating') as writings
from public.ai_automation_contact_states as s
"""
WAITING = """
select count(*) as contacts from public.ai_automation_contact_states
where rule_id = any(%s) and current_stage <> 'sent'
"""


async def hold_up_nobody(town: Town, people: int) -> tuple[int, Verdict]:
    """One worker; a page and a model take 18 s a call, and then three others come by.

    All of theirs must be sent before the first of the slow calls that they met is over.
    """
    [page] = town.rules(1)
    [model] = town.rules(1, model="gemini-that-hangs")
    town.queue([page, model], 2 * people)
    for person in contacts(town, page):
        town.facebook.fault("facebook", "slow", recipient=person["sender_id"], seconds=SECONDS)
    for person in contacts(town, model):
        name = f"Slow{person['number']}"
        rename(town, person, name)
        town.facebook.fault("google", "slow", containing=f'"{name}"', seconds=SECONDS)
    await town.hand(lease_seconds=30)
    met = await _until_under_way(town, page, model)
    others = town.rules(OTHERS)
    started = time.monotonic()
    town.queue(others, OTHERS * EACH)
    most = {"sends": 0, "writings": 0}
    while (left := _count(town, others)) and time.monotonic() - started < SECONDS:
        now = _under_way(town, page, model)
        most = {what: max(most[what], now[what]) for what in most}
        await asyncio.sleep(0.05)
    waited = time.monotonic() - started
    town.facebook.reset()
    verdict = await wait_and_judge(town, [page, model, *others])
    words = f"{OTHERS * EACH} of others sent in {waited:.1f} s beside {met} slow calls"
    verdict.ends[words] = 0
    if left:
        verdict.wrong.append(f"{left} of {OTHERS * EACH} others waited for slow calls")
    if max(most.values()) > PLACES // 2:
        verdict.wrong.append(f"the slow ones had {most} of {PLACES} places")
    return sum(met.values()), verdict


async def _until_under_way(town: Town, page: Row, model: Row) -> dict[str, int]:
    """Waits until both have what they may have; how many calls that is."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        now = _under_way(town, page, model)
        if min(now.values()) >= PLACES // 2:
            return now
        await asyncio.sleep(0.05)
    raise TimeoutError("no slow calls are under way")


def _under_way(town: Town, page: Row, model: Row) -> dict[str, int]:
    [now] = town.rows(UNDER_WAY, page["id"], model["id"])
    return {"sends": int(now["sends"]), "writings": int(now["writings"])}


def _count(town: Town, rules: list[Row]) -> int:
    [waiting] = town.rows(WAITING, [rule["id"] for rule in rules])
    return int(waiting["contacts"])
