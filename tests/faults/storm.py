"""This file is where many calls fail, and it is counted at Google how few of them are repeated."""

import asyncio
import json
import re
import statistics
import time
from collections import defaultdict
from itertools import pairwise

from pipeline.retry_budget import BUDGET_FIRST, RETRIES_PER_MINUTE, SHARE_OF_RETRIES
from pipeline.steps.backoff import FIRST_SECONDS
from tests.builders import Row
from tests.faults.judge import Verdict
from tests.faults.kills import wait_and_judge
from tests.faults.town import Town

# Of sixteen first letters one is that of contacts for whom every call fails.
UNLUCKY = "Zqa"
NAME = re.compile(r"Zq[a-p]{30}")
NAMED = """
update public.contacts as c
set sender_name = 'Zq' || left(translate(md5(c.id::text), '0123456789', 'ghijklmnop'), 30)
where c.page_id = any(%s) and c.sender_name = 'Amina Diallo'
returning c.id
"""
WAITING = """
select count(*) as waiting from public.ai_automation_contact_states
where rule_id = any(%s) and current_stage in ('queued', 'checking', 'eligible') and attempt = 0
"""
LONGEST_SECONDS = 120.0
OUTAGE_SECONDS = 20.0


class Listener:
    """Who was written about at Google, and when."""

    def __init__(self) -> None:
        self.calls: dict[str, list[float]] = defaultdict(list)

    def __call__(self, point: str, body: bytes) -> None:
        if point == "google" and (name := NAME.search(json.dumps(json.loads(body)))):
            self.calls[name[0]].append(time.monotonic())

    @property
    def first(self) -> int:
        """Calls for somebody for whom none was made before."""
        return len(self.calls)

    @property
    def gaps(self) -> list[float]:
        """Seconds between a call and its repetition."""
        return [
            later - earlier for times in self.calls.values() for earlier, later in pairwise(times)
        ]


async def retry_storm(town: Town, calls: int, each_second: int = 0) -> tuple[int, Verdict]:
    """Every sixteenth contact's calls fail, then all of them for a while; the load goes on.

    With `each_second` only so many come: what the budget gives them for nothing then counts most.
    """
    heard = Listener()
    rules = town.rules(10)
    town.facebook.fault("google", "unavailable", times=1_000_000, containing=UNLUCKY)
    hand = await town.hand(30)
    hand.gate.heard = heard
    feeding = asyncio.create_task(_feed(town, rules, each_second))
    started = time.monotonic()
    while heard.first < calls and time.monotonic() - started < LONGEST_SECONDS:
        await asyncio.sleep(0.2)
    town.facebook.fault("google", "unavailable", times=1_000_000)
    await asyncio.sleep(OUTAGE_SECONDS)
    first, gaps, lasted = heard.first, heard.gaps, time.monotonic() - started
    town.facebook.reset()
    # Fifty that go well end the storm.
    await asyncio.sleep(OUTAGE_SECONDS / 2)
    feeding.cancel()
    verdict = await wait_and_judge(town, rules, 150)
    share = len(gaps) / (first + len(gaps))
    spread = f"{min(gaps):.1f}-{max(gaps):.1f} s later, half in {statistics.median(gaps):.1f}"
    verdict.ends[f"{len(gaps)} of {first + len(gaps)} calls repeated, {share:.1%}, {spread}"] = 0
    most = SHARE_OF_RETRIES * first + BUDGET_FIRST + RETRIES_PER_MINUTE * lasted / 60
    if len(gaps) > most:
        verdict.wrong.append(f"{len(gaps)} calls were repeated, {most:.0f} may be")
    # Half of the wait is certain.
    if min(gaps) < FIRST_SECONDS / 2 or len({round(gap, 1) for gap in gaps}) < len(gaps) / 10:
        verdict.wrong.append(f"repeated too soon, or together: {sorted(gaps)[:9]}")
    return first + len(gaps), verdict


async def _feed(town: Town, rules: list[Row], each_second: int) -> None:
    """Keeps so many waiting that workers are never idle; each has a name of their own."""
    ids, pages = ([rule[name] for rule in rules] for name in ("id", "page_id"))
    while True:
        if each_second or town.rows(WAITING, ids)[0]["waiting"] < 200:
            # As many in each of ten automations.
            town.queue(rules, 5 * each_second or 200)
            town.rows(NAMED, pages)
        await asyncio.sleep(5 if each_second else 0.2)
