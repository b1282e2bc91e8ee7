"""This file is where fifty people look at the dashboard while the worker is busy."""

import asyncio
import secrets
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from types import SimpleNamespace

from bench._viewers import crowd
from bench._watched import sign_in
from tests.faults.judge import Verdict
from tests.faults.kills import feed, wait_and_judge
from tests.faults.town import KEY, Hand, Town, answering, start
from tests.running import free_port

VIEWERS = 50
POLLED_EVERY_SECONDS = 2.0
# A rate is counted from when everybody has begun to look, or has left.
SETTLING_SECONDS = 2.0
MOST_LOST = 0.05


async def watch(town: Town, pairs: int, seconds: float) -> tuple[int, Verdict]:
    """Watched and unwatched by turns, in pairs side by side: sending must not become slower.

    The pages' rates keep the worker busy and no more, as Facebook's do. Where unwatched stretches
    differ from each other by more than what is to be seen, others use the machine: nothing is said.
    """
    before, town.owner = town.owner, town.world.user(f"watcher{secrets.token_hex(4)}@example.com")
    rules = town.rules(10, rate=120)
    town.owner, owner = before, town.owner
    town.queue(rules, 200)
    feeding = asyncio.create_task(feed(town, rules, closed=False, least=300, more=300))
    ratios: list[float] = []
    alone: list[float] = []
    times: list[float] = []
    async with _dashboard(town) as stack:
        cookie = await asyncio.to_thread(sign_in, stack, owner["email"])
        watched = SimpleNamespace(stack=stack, rule=rules[0], cookie=cookie)
        hand = await town.hand(30)
        await _rate(hand, seconds)
        for number in range(pairs):
            rates = {}
            for is_watched in (True, False) if number % 2 else (False, True):
                viewers = asyncio.create_task(_look(watched, is_watched, seconds, times))
                rates[is_watched] = await _rate(hand, seconds)
                await viewers
            ratios.append(rates[True] / rates[False])
            alone.append(rates[False])
    feeding.cancel()
    verdict = await wait_and_judge(town, rules)
    _compare(verdict, ratios, alone, sorted(times))
    return len(times), verdict


def _compare(verdict: Verdict, ratios: list[float], alone: list[float], times: list[float]) -> None:
    """Says what was measured; `times` ascend, in ms."""
    p95, ratio = times[int(len(times) * 0.95)], statistics.median(ratios)
    verdict.ends[
        f"{len(times)} polls, p95 {p95:.0f} ms; sent {ratio:.3f} times as fast as unwatched"
        f" ({min(ratios):.2f}-{max(ratios):.2f})"
    ] = 0
    noise = statistics.median(abs(later / earlier - 1) for earlier, later in pairwise(alone))
    if noise > MOST_LOST:
        verdict.ends[f"not judged: unwatched it differs by {noise:.0%}, others are at work"] = 0
        return
    if ratio < 1 - MOST_LOST:
        verdict.wrong.append(f"watched, it sends {ratio:.3f} times as fast")
    if p95 > POLLED_EVERY_SECONDS * 1000 / 4:
        verdict.wrong.append(f"p95 of a poll is {p95:.0f} ms")


@asynccontextmanager
async def _dashboard(town: Town) -> AsyncIterator[SimpleNamespace]:
    """One that people can sign in to, for as long as the block lasts."""
    port = free_port()
    process = start(
        *(town.home, "app", "--only-dashboard"),
        SUPABASE_URL=town.gateway_url,
        SUPABASE_PUBLISHABLE_KEY="sb_publishable_town",
        TOKEN_ENCRYPTION_KEY=KEY,
        SESSION_SECRET=secrets.token_urlsafe(32),
        DASHBOARD_PORT=str(port),
    )
    try:
        url = f"http://127.0.0.1:{port}"
        await answering(f"{url}/readyz", lambda: None)
        yield SimpleNamespace(dashboard_url=url)
    finally:
        process.kill()
        process.wait(timeout=10)


async def _look(
    watched: SimpleNamespace, is_watched: bool, seconds: float, times: list[float]
) -> None:
    if is_watched:
        times += await crowd(watched, VIEWERS, SETTLING_SECONDS + seconds)


async def _rate(hand: Hand, seconds: float) -> float:
    """Messages a second, as many as go out."""
    await asyncio.sleep(SETTLING_SECONDS)
    sent, started = hand.gate.calls.get("facebook:send", 0), time.monotonic()
    await asyncio.sleep(seconds)
    return (hand.gate.calls.get("facebook:send", 0) - sent) / (time.monotonic() - started)
