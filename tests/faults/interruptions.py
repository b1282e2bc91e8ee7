"""This file is where databases stop, workers freeze and end, and answers get lost."""

import asyncio
import os
import signal
import statistics
import time

from tests.faults.gate import CutError, Trap
from tests.faults.judge import WINDOW_SECONDS, Verdict
from tests.faults.kills import PATIENCE_SECONDS, Count, feed, wait_and_judge
from tests.faults.town import Hand, Town


async def stop_database(town: Town, times: int) -> tuple[int, Verdict]:
    """PostgreSQL is stopped as by a power cut while two workers are busy, and comes back."""
    rules = town.rules(10)
    town.queue(rules, 200 + 80 * times)
    await town.hand()
    await town.hand()
    feeding = asyncio.create_task(feed(town, rules, closed=False))
    for _ in range(times):
        await asyncio.sleep(1.2)
        # Never between two contacts: a stop that meets nobody shows nothing.
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not town.rows(IN_HAND, [rule["id"] for rule in rules]):
                await asyncio.sleep(0.01)
        await stop_and_start(town)
    feeding.cancel()
    return times, await wait_and_judge(town, rules, 90)


IN_HAND = """
select 1 from public.ai_automation_contact_states
where rule_id = any(%s) and current_stage in ('checking', 'generating', 'sending')
    and lease_expires_at > now()
limit 1
"""


async def stop_and_start(town: Town) -> None:
    """PostgreSQL is away for a moment, without having been told before."""
    # SIGQUIT is what `pg_ctl stop -m immediate` sends.
    os.kill(town.cluster.pid, signal.SIGQUIT)
    while town.cluster.alive():
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    await asyncio.to_thread(town.cluster.start)
    town.reconnect()


FROZEN_AT = (("claim:ready_to_send", "after"), ("facebook:send", "before"),
             ("facebook:send", "after"), ("record:sent", "before"))  # fmt: skip


async def freeze(town: Town, times: int, seconds: float) -> tuple[int, Verdict]:
    """SIGSTOP in the middle of a send for many leases; others take over; CONT.

    Four workers at a time are frozen, each at another moment of a send, while a fifth goes on.
    """
    rules = town.rules(10)
    town.queue(rules, 100)
    hands = [await town.hand() for _ in range(1 + len(FROZEN_AT))]
    feeding = asyncio.create_task(feed(town, rules, closed=False))
    done = 0
    for _ in range(times):
        frozen = [
            _freeze_at(hand, point, side, seconds)
            for hand, (point, side) in zip(hands[1:], FROZEN_AT, strict=True)
        ]
        done += sum(await asyncio.gather(*frozen))
    feeding.cancel()
    verdict = await wait_and_judge(town, rules, 60)
    verdict.want(done, times * len(FROZEN_AT), "workers were frozen")
    return done, verdict


async def _freeze_at(hand: Hand, point: str, side: str, seconds: float) -> int:
    sprung = asyncio.Event()

    async def stop() -> None:
        hand.signal(signal.SIGSTOP)
        sprung.set()
        # The call goes on when others have settled what this worker held.
        await asyncio.sleep(min(WINDOW_SECONDS + 0.5, seconds))

    hand.gate.trap = Trap(point, side, stop)
    try:
        async with asyncio.timeout(60):
            await sprung.wait()
    except TimeoutError:
        hand.gate.trap = None
        return 0
    await asyncio.sleep(seconds)
    hand.signal(signal.SIGCONT)
    return 1


ANSWERS = ("claim:queued", "decide_contacts", "claim:eligible", "record:ready_to_send",
           "claim:ready_to_send", "record:sent")  # fmt: skip


async def cut_answers(town: Town, times: int) -> tuple[int, Verdict]:
    """The database did what it was asked, and the answer never comes: nothing is done twice."""
    rules = town.rules(10)
    town.queue(rules, 300)
    count = Count(times)
    hands = [await town.hand(), await town.hand()]
    feeding = asyncio.create_task(feed(town, rules, closed=False))
    await asyncio.gather(*(_cut_again(hand, count) for hand in hands))
    feeding.cancel()
    verdict = await wait_and_judge(town, rules)
    verdict.want(count.done, times, "answers were lost")
    return count.done, verdict


async def _cut_again(hand: Hand, count: Count) -> None:
    """Both workers wait for the same kind of answer: which of them asks next is chance."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while count.begin():
        point = ANSWERS[count.begun % len(ANSWERS)]
        if not await cut_once(hand, point, max(deadline - time.monotonic(), 0.1)):
            return
        count.done += 1


async def cut_once(hand: Hand, point: str, seconds: float) -> bool:
    """Whether there was such an answer within so long, which is lost."""
    sprung = asyncio.Event()

    async def cut() -> None:
        sprung.set()
        raise CutError

    hand.gate.trap = Trap(point, "after", cut)
    try:
        async with asyncio.timeout(seconds):
            await sprung.wait()
    except TimeoutError:
        hand.gate.trap = None
        return False
    return True


async def terminate(town: Town, times: int) -> tuple[int, Verdict]:
    """SIGTERM at every kind of call: the worker ends within 10 s, with nothing left in hand."""
    rules = town.rules(10)
    town.queue(rules, 100)
    hand = await town.hand()
    feeding = asyncio.create_task(feed(town, rules, closed=False))
    points = ("claim:eligible", "google", "record:ready_to_send", "facebook:send", "record:sent")
    asked = [(point, 0.0) for point in points * times]
    # Calls that are not answered before the worker must have ended.
    asked += [("google", 20.0), ("facebook:send", 20.0), ("record:sent", 20.0)]
    took = []
    late = []
    for point, unanswered_seconds in asked:
        code, seconds = await _terminate_at(hand, point, unanswered_seconds)
        took.append(seconds)
        if code or seconds > 10:
            late.append(f"SIGTERM at {point}: code {code} after {seconds:.1f} s")
        hand.hatch()
    feeding.cancel()
    verdict = await wait_and_judge(town, rules)
    verdict.wrong += late
    verdict.ends[f"ended after {statistics.median(took):.1f} s, at most {max(took):.1f} s"] = 0
    return len(asked), verdict


async def _terminate_at(hand: Hand, point: str, unanswered_seconds: float) -> tuple[int, float]:
    """The exit code, and how long it took."""
    sprung = asyncio.Event()

    async def tell() -> None:
        hand.signal(signal.SIGTERM)
        sprung.set()
        await asyncio.sleep(unanswered_seconds)

    hand.gate.trap = Trap(point, "before", tell)
    async with asyncio.timeout(60):
        await sprung.wait()
    started = time.monotonic()
    code = await hand.gone(30)
    return code, time.monotonic() - started


async def terminate_twice(town: Town) -> tuple[int, Verdict]:
    """While Facebook hangs, the first SIGTERM waits; the second ends the worker at once."""
    rules = town.rules(1)
    town.facebook.fault("facebook", "hang-after-accept", times=3)
    town.queue(rules, 3)
    hand = await town.hand(lease_seconds=30)
    hanging = asyncio.Event()

    async def note() -> None:
        hanging.set()

    hand.gate.trap = Trap("facebook:send", "before", note)
    async with asyncio.timeout(20):
        await hanging.wait()
    hand.signal(signal.SIGTERM)
    await asyncio.sleep(0.5)
    waiting = town.nest.ended(hand.pid) is None
    started = time.monotonic()
    hand.signal(signal.SIGTERM)
    await hand.gone()
    seconds = time.monotonic() - started
    town.facebook.reset()
    # Its lease lasts 30 s; as if they were over.
    town.rows(
        "update public.ai_automation_contact_states set lease_expires_at = now()"
        " where lease_expires_at is not null returning id"
    )
    await town.hand()
    verdict = await wait_and_judge(town, rules)
    verdict.ends[f"the second ends it after {seconds:.2f} s"] = 0
    if not waiting or seconds > 1:
        verdict.wrong.append(f"waited {waiting}, second SIGTERM took {seconds:.1f} s")
    return 1, verdict
