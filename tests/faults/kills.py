"""This file is where workers are killed at every point between claim and record."""

import asyncio
import random
import signal
import time
from dataclasses import dataclass

from tests.builders import Row
from tests.faults.gate import CutError, Trap
from tests.faults.judge import WINDOW_SECONDS, Verdict, judge, settle_down
from tests.faults.town import Hand, Town

# A call, and the side of it on which the worker dies.
POINTS = (
    ("claim:queued", "after"),
    ("decide_contacts", "before"),
    ("decide_contacts", "after"),
    ("claim:eligible", "after"),
    ("google", "before"),
    ("google", "after"),
    ("record:ready_to_send", "before"),
    ("record:ready_to_send", "after"),
    ("claim:ready_to_send", "after"),
    ("facebook:send", "before"),
    ("facebook:send", "after"),
    ("record:sent", "before"),
    ("record:sent", "after"),
    ("claim:sending", "after"),
    ("facebook:read", "after"),
)
# A killed check holds 200 contacts for a lease: those cells need many, who go no further.
CHECKING = ("claim:queued", "decide_contacts")
SETTLING = ("claim:sending", "facebook:read")
PATIENCE_SECONDS = 600


@dataclass
class Count:
    """How many of the wanted events have happened, over all workers of a cell."""

    wanted: int
    done: int = 0
    begun: int = 0

    def begin(self) -> bool:
        """Whether one more is wanted."""
        if self.begun >= self.wanted:
            return False
        self.begun += 1
        return True


async def kill_at(town: Town, point: str, side: str, times: int) -> tuple[int, Verdict]:
    """Two workers, each killed at this point again and again; how often, and the verdict."""
    rules = town.rules(10)
    checking, settling = point in CHECKING, point in SETTLING
    if settling:
        town.facebook.fault("facebook", "reset-after-accept", times=1_000_000)
    town.queue(rules, 100 if checking else 200)
    if checking:
        town.queue(rules, 4000, closed=True)
    hands = [await town.hand(), await town.hand()]
    count = Count(times)
    feeding = asyncio.create_task(feed(town, rules, closed=checking))
    await asyncio.gather(*(kill_again(hand, point, side, count) for hand in hands))
    feeding.cancel()
    town.facebook.reset()
    verdict = await wait_and_judge(town, rules)
    verdict.want(count.done, times, "workers were killed")
    return count.done, verdict


async def kill_again(hand: Hand, point: str, side: str, count: Count) -> None:
    """Kills the worker at the point and hatches another, until enough were."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while count.begin():
        sprung = asyncio.Event()

        async def die(sprung: asyncio.Event = sprung) -> None:
            hand.signal(signal.SIGKILL)
            sprung.set()
            raise CutError

        hand.gate.trap = Trap(point, side, die)
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0.1)):
                await sprung.wait()
        except TimeoutError:
            hand.gate.trap = None
            return
        # One that ended by itself was not killed.
        was_killed = await hand.gone() == -signal.SIGKILL
        count.done += was_killed
        hand.hatch()


async def feed(
    town: Town, rules: list[Row], *, closed: bool, least: int = 60, more: int = 100
) -> None:
    """Keeps some contacts waiting, so that there is always somebody to be killed over."""
    ids = [rule["id"] for rule in rules]
    query = (
        "select count(*) as waiting from public.ai_automation_contact_states"
        " where rule_id = any(%s) and current_stage in ('queued', 'eligible', 'ready_to_send')"
    )
    while True:
        await asyncio.sleep(0.3)
        if town.rows(query, ids)[0]["waiting"] < (1000 if closed else least):
            town.queue(rules, 2000 if closed else more, closed=closed)


async def wait_and_judge(
    town: Town, rules: list[Row], seconds: float = 150, *, waiting: bool = False
) -> Verdict:
    """Lets the living workers finish, then judges; nobody moving for `seconds` counts as stuck."""
    await asyncio.sleep(WINDOW_SECONDS)
    await settle_down(town, rules, seconds, waiting=waiting)
    verdict = judge(town, rules, waiting=waiting)
    await town.dismiss()
    return verdict


async def kill_at_random(town: Town, times: int) -> tuple[int, Verdict]:
    """Two workers, killed after a random moment, wherever they are."""
    rules = town.rules(10)
    town.queue(rules, 300)
    hands = [await town.hand(), await town.hand()]
    feeding = asyncio.create_task(feed(town, rules, closed=False))
    dice = random.Random(4)  # noqa: S311 - the same moments in every run
    killed = 0
    for number in range(times):
        hand = hands[number % 2]
        await asyncio.sleep(dice.uniform(0.02, 0.4))
        killed += await hand.kill() == -signal.SIGKILL
        hand.hatch()
    feeding.cancel()
    verdict = await wait_and_judge(town, rules)
    verdict.want(killed, times, "workers were killed")
    return killed, verdict


async def poison(town: Town, others: int = 30) -> tuple[int, Verdict]:
    """One contact kills every worker that writes to it; three times, then it is put aside."""
    rules = town.rules(2)
    town.queue(rules, others)
    town.rows(
        "update public.contacts set sender_name = 'Poison' where id = ("
        "select contact_id from public.ai_automation_contact_states where rule_id = %s limit 1"
        ") returning id",
        rules[0]["id"],
    )
    hands = [await town.hand(), await town.hand()]
    killed = 0

    async def watch(hand: Hand) -> None:
        nonlocal killed
        while True:
            sprung = asyncio.Event()

            async def die(sprung: asyncio.Event = sprung) -> None:
                hand.signal(signal.SIGKILL)
                sprung.set()
                raise CutError

            hand.gate.trap = Trap("google", "before", die, containing="Poison")
            await sprung.wait()
            await hand.gone()
            killed += 1
            hand.hatch()

    watching = [asyncio.create_task(watch(hand)) for hand in hands]
    verdict = await wait_and_judge(town, rules, 30)
    for task in watching:
        task.cancel()
    if killed != 3 or verdict.ends["failed/worker_lost"] != 1:
        verdict.wrong.append(f"killed {killed} workers, then: {verdict.words}")
    return killed, verdict
