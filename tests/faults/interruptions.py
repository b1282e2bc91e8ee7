"""This file is where databases stop, workers freeze, answers get lost, people step in."""

import asyncio
import os
import signal
import statistics
import time
from collections import Counter

import psycopg

from tests.builders import Row
from tests.faults.gate import CutError, Trap
from tests.faults.judge import WINDOW_SECONDS, Verdict
from tests.faults.kills import POINTS, SETTLING, feed, wait_and_judge
from tests.faults.town import Hand, Town


async def stop_database(town: Town, times: int) -> tuple[int, Verdict]:
    """PostgreSQL is stopped as by a power cut while two workers are busy, and comes back."""
    rules = town.rules(10)
    town.queue(rules, 200 + 80 * times)
    await town.hand()
    await town.hand()
    for _ in range(times):
        await asyncio.sleep(1.2)
        await stop_and_start(town)
    return times, await wait_and_judge(town, rules, 90)


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
    if done < times * len(FROZEN_AT):
        verdict.wrong.append(f"only {done} workers were frozen")
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


async def cut_answers(town: Town, times: int) -> tuple[int, Verdict]:
    """The database did what it was asked, and the answer never comes: nothing is done twice."""
    rules = town.rules(10)
    town.queue(rules, 300)
    hands = [await town.hand(), await town.hand()]
    feeding = asyncio.create_task(feed(town, rules, closed=False))
    points = ("claim:queued", "decide_contacts", "claim:eligible", "record:ready_to_send",
              "claim:ready_to_send", "record:sent")  # fmt: skip
    done = 0
    for number in range(times):
        sprung = asyncio.Event()

        async def cut(sprung: asyncio.Event = sprung) -> None:
            sprung.set()
            raise CutError

        hands[number % 2].gate.trap = Trap(points[number % len(points)], "after", cut)
        try:
            async with asyncio.timeout(10):
                await sprung.wait()
            done += 1
        except TimeoutError:
            hands[number % 2].gate.trap = None
    feeding.cancel()
    return done, await wait_and_judge(town, rules)


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


STEPS: dict[str, str] = {
    "page token replaced by a bad one": (
        "update public.facebook_page_secrets set encrypted_token = 'bad', updated_at = now()"
        " where page_id = %(page)s returning page_id"
    ),
    "rule switched off": (
        "update public.ai_automation_rules set enabled = false where id = %(rule)s returning id"
    ),
    "contact deleted": (
        "delete from public.contacts where page_id = %(page)s returning id"
    ),
    "user deleted": "delete from auth.users where id = %(user)s returning id",
}  # fmt: skip
BETWEEN = tuple(place for place in POINTS if place[0] not in SETTLING)
# A call that was under way when the change was committed may arrive; no other may.
UNDER_WAY = ("claim:ready_to_send", "facebook:send", "record:sent")
LATER_SECONDS = 10


async def step_in(town: Town) -> tuple[int, Verdict]:
    """Somebody changes the world between two calls, at each point; nothing new goes out then."""
    total = Verdict()
    hand = await town.hand()
    written: list[tuple[str, str, set[str]]] = []
    for what, statement in STEPS.items():
        for point, side in BETWEEN:
            people = await _step_in_at(town, hand, statement, point, side)
            written.append((point, f"{what} {side} {point}", people))
            total.ends[what] += 1
    # Whatever would have gone on has by then.
    await asyncio.sleep(LATER_SECONDS)
    received = Counter(row["recipient_id"] for row in town.facebook.messages())
    for point, where, people in written:
        got = sum(received[person] for person in people)
        if got > (point in UNDER_WAY):
            total.wrong.append(f"{where}: {got} messages")
    await town.dismiss()
    town.owner = town.world.user()
    return len(written), total


async def _step_in_at(town: Town, hand: Hand, statement: str, point: str, side: str) -> set[str]:
    """Who was on the way there; what was decided about them is not to be sent."""
    town.owner = town.world.user()
    [rule] = rules = town.rules(1)
    sprung = asyncio.Event()

    async def change() -> None:
        values = {"page": rule["page_id"], "rule": rule["id"], "user": town.owner["id"]}
        async with await psycopg.AsyncConnection.connect(
            town.cluster.superuser_dsn(), autocommit=True
        ) as connection:
            await connection.execute(statement.encode(), values)
        sprung.set()

    town.queue(rules, 1, held=True)
    people = _people(town, rule)
    hand.gate.trap = Trap(point, side, change)
    town.rows("update public.ai_automation_contact_states set due_at = now()"
              " where rule_id = %s returning id", rule["id"])  # fmt: skip
    async with asyncio.timeout(60):
        await sprung.wait()
    return people


def _people(town: Town, rule: Row) -> set[str]:
    rows = town.rows("select sender_id from public.contacts where page_id = %s", rule["page_id"])
    return {row["sender_id"] for row in rows}
