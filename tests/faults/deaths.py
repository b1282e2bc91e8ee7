"""This file is where it is measured how soon a dead worker is noticed, with leases of 30 s."""

import asyncio
import random
import signal
import statistics
import time
from dataclasses import dataclass

from tests.builders import Row
from tests.faults.gate import CutError, Trap
from tests.faults.judge import Verdict
from tests.faults.kills import wait_and_judge
from tests.faults.town import Hand, Town

LEASE_SECONDS = 30
FLAGGED_SECONDS = 15
TAKEN_UP_SECONDS = 45
HELD = """
select s.id, s.lease_owner, v.lost, s.stage_entered_at::text || s.lease_token::text as hold
from public.ai_automation_contact_states as s
inner join public.active_automation_contacts as v on v.state_id = s.id
where s.rule_id = any(%s) and s.lease_owner is not null
"""


@dataclass
class Held:
    """A contact in a dead worker's hands; seconds since its death."""

    died: float
    flagged: float = 0.0
    taken_up: float = 0.0


async def die(town: Town, workers: int) -> tuple[int, Verdict]:
    """Workers are killed while they write and while they send; two others are there."""
    rules = town.rules(10)
    victims = [await town.hand(LEASE_SECONDS) for _ in range(workers)]
    dice = random.Random(4)  # noqa: S311 - the same moments in every run
    deaths: dict[int, float] = {}
    dying = [
        asyncio.create_task(
            _kill(victim, ("google", "facebook:send")[number % 2], dice.uniform(0, 5), deaths)
        )
        for number, victim in enumerate(victims)
    ]
    while not all(task.done() for task in dying):
        town.queue(rules, 20)
        await asyncio.wait(dying, timeout=0.5)
    await asyncio.gather(*dying)
    for _ in range(2):
        await town.hand(LEASE_SECONDS)
    held = await _watch(town, rules, deaths)
    verdict = await wait_and_judge(town, rules, 120)
    verdict.want(len(held), workers, "contacts were held by dead workers")
    for word, bar in (("flagged", FLAGGED_SECONDS), ("taken_up", TAKEN_UP_SECONDS)):
        times = sorted(getattr(one, word) for one in held)
        span = f"{times[0]:.0f}-{times[-1]:.0f} s, half in {statistics.median(times):.0f} s"
        verdict.ends[f"{len(times)} {word} after {span}"] = 0
        if times[-1] > bar:
            verdict.wrong.append(f"{word} only after {times[-1]:.1f} s")
    return workers, verdict


async def _kill(victim: Hand, point: str, seconds: float, deaths: dict[int, float]) -> None:
    sprung = asyncio.Event()

    async def hold() -> None:
        sprung.set()
        await asyncio.sleep(seconds)
        victim.signal(signal.SIGKILL)
        deaths[victim.pid] = time.monotonic()
        raise CutError

    victim.gate.trap = Trap(point, "before", hold)
    async with asyncio.timeout(60):
        await sprung.wait()
    while victim.pid not in deaths:
        await asyncio.sleep(0.05)
    await victim.gone()


async def _watch(town: Town, rules: list[Row], deaths: dict[int, float]) -> list[Held]:
    """Every contact that a dead worker held, until somebody else has it or it has moved on."""
    ids = [rule["id"] for rule in rules]
    held: dict[str, Held] = {}
    started = time.monotonic()
    while time.monotonic() - started < 2 * TAKEN_UP_SECONDS:
        now = time.monotonic()
        seen = {row["hold"]: row for row in town.rows(HELD, ids)}
        for hold, row in seen.items():
            died = deaths.get(int(row["lease_owner"].rsplit("-", 2)[1]))
            if died is not None:
                one = held.setdefault(hold, Held(died))
                one.flagged = one.flagged or (now - died if row["lost"] else 0.0)
        for hold, one in held.items():
            one.taken_up = one.taken_up or (0.0 if hold in seen else now - one.died)
        if held and all(one.taken_up for one in held.values()):
            break
        await asyncio.sleep(0.2)
    return list(held.values())
