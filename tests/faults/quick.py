"""This file is where the small part of the matrix is that runs with every other test."""

import asyncio

from tests.faults.interruptions import stop_and_start
from tests.faults.judge import Verdict
from tests.faults.kills import Count, feed, kill_again, wait_and_judge
from tests.faults.town import Town

POINTS = (
    ("decide_contacts", "after"),
    ("google", "after"),
    ("record:ready_to_send", "after"),
    ("claim:ready_to_send", "after"),
    ("facebook:send", "before"),
    ("facebook:send", "after"),
    ("record:sent", "before"),
)


async def everything_once(town: Town) -> tuple[int, Verdict]:
    """One of two workers is killed at each of these points, and the database is stopped once.

    Nothing here is wrong for being slow: on a busy machine it only takes longer.
    """
    rules = town.rules(4)
    town.queue(rules, 24)
    hands = [await town.hand(), await town.hand()]
    killed = Count(wanted=0)
    feeding = asyncio.create_task(feed(town, rules, closed=False, least=4, more=8))
    for number, (point, side) in enumerate(POINTS):
        killed.wanted += 1
        await kill_again(hands[number % 2], point, side, killed)
    feeding.cancel()
    await stop_and_start(town)
    verdict = await wait_and_judge(town, rules, 300)
    verdict.want(killed.done, len(POINTS), "workers were killed")
    return killed.done + 1, verdict
