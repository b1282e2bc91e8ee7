"""This file is where the kernel stops carrying what workers and gateway send: no end, no error."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace

import httpx

from local.files import read_json, write_private_json
from tests.faults.island import NOT_ROOT, Island, relay
from tests.faults.judge import Verdict, left_out
from tests.faults.kills import feed, wait_and_judge
from tests.faults.town import Hand, Town, answering, start
from tests.ports import free_port

# A call is given up after 15 s, and asked again after 10 at most; the rest is a busy machine.
PATIENCE_SECONDS = 90.0
CUT_SECONDS = 30.0
BEATS = "select name, beat_at from public.ai_automation_workers where beat_at > %s"


@asynccontextmanager
async def made(number: int) -> AsyncIterator[Island]:
    """An island for as long as the block lasts."""
    island = Island(number)
    try:
        await asyncio.to_thread(island.make)
        yield island
    finally:
        await asyncio.to_thread(island.end)


async def cut_workers(town: Town, times: int) -> tuple[int, Verdict]:
    """Two of three workers lose database, Google and Facebook at once, in the middle of calls.

    A cut lasts until each of them has given its call up: that is when it can be seen that none
    hangs. What they held is taken up by the third.
    """
    if os.geteuid() != 0:
        return left_out(NOT_ROOT)
    rules = town.rules(10)
    town.queue(rules, 200)
    async with made(os.getpid() % 10_000) as island:
        cut_off = [await _hand_on(island, town) for _ in range(2)]
        await town.hand()
        feeding = asyncio.create_task(feed(town, rules, closed=False))
        given_up, back = [], []
        for _ in range(times):
            await asyncio.sleep(3)
            island.loopback(up=False)
            given_up.append(await _seconds_until_given_up(town, cut_off))
            island.loopback(up=True)
            back.append(await _seconds_until_back(town, cut_off))
        feeding.cancel()
        verdict = await wait_and_judge(town, rules, 90)
    for word, took in (("given up", given_up), ("back", back)):
        words = ", ".join(f"{seconds:.0f}" for seconds in took)
        verdict.ends[f"{word} after {words} s"] = 0
        if max(took) > PATIENCE_SECONDS:
            verdict.wrong.append(f"a worker hung: {word} after {words} s")
    return times * len(cut_off), verdict


async def _hand_on(island: Island, town: Town) -> Hand:
    """A worker on the island, with its gate at the same address there."""
    hand = await town.hand(hatched=False, ISLAND=island.name)
    await hand.gate.open_on(island.listen(hand.gate.port))
    hand.hatch()
    return hand


async def _seconds_until_given_up(town: Town, hands: list[Hand]) -> float:
    """Until each has said of a call that no answer came."""
    started = time.monotonic()
    log = town.home / "workers.log"
    length = log.stat().st_size
    waiting = {f"worker-{hand.pid}-" for hand in hands}
    while waiting and time.monotonic() - started <= PATIENCE_SECONDS:
        await asyncio.sleep(0.2)
        with log.open("rb") as lines:
            lines.seek(length)
            said = [line.decode() for line in lines if b"Timeout" in line]
        waiting = {name for name in waiting if not any(name in line for line in said)}
    return time.monotonic() - started


async def _seconds_until_back(town: Town, hands: list[Hand]) -> float:
    started = time.monotonic()
    [now] = town.rows("select now() as moment")
    waiting = {f"worker-{hand.pid}-" for hand in hands}
    while waiting and time.monotonic() - started <= PATIENCE_SECONDS:
        await asyncio.sleep(0.2)
        beating = {row["name"].rpartition("-")[0] + "-" for row in town.rows(BEATS, now["moment"])}
        waiting -= beating
    return time.monotonic() - started


async def cut_gateway(town: Town, times: int) -> tuple[int, Verdict]:
    """The gateway's cable to PostgreSQL is pulled for much longer than a call may take.

    TCP alone would wait as long again before it tried once more.
    """
    if os.geteuid() != 0:
        return left_out(NOT_ROOT)
    rules = town.rules(10)
    town.queue(rules, 200)
    answered, back = [], []
    async with _gateway_on_an_island(town) as (far_town, island):
        for _ in range(2):
            await far_town.hand()
        feeding = asyncio.create_task(feed(town, rules, closed=False))
        for _ in range(times):
            await asyncio.sleep(3)
            island.cable(up=False)
            asking = [asyncio.create_task(_seconds_until(far_town, away=True)) for _ in range(12)]
            await asyncio.sleep(CUT_SECONDS)
            island.cable(up=True)
            answered.append(max(await asyncio.gather(*asking)))
            back.append(await _seconds_until(far_town, away=False))
        feeding.cancel()
        verdict = await wait_and_judge(town, rules, 90)
        await far_town.dismiss()
    for word, took in (("callers told", answered), ("back", back)):
        words = ", ".join(f"{seconds:.0f}" for seconds in took)
        verdict.ends[f"{word} after {words} s"] = 0
    if max(answered) >= CUT_SECONDS or max(back) >= CUT_SECONDS:
        verdict.wrong.append(f"the gateway hung: told after {answered}, back after {back} s")
    return times, verdict


@asynccontextmanager
async def _gateway_on_an_island(town: Town) -> AsyncIterator[tuple[Town, Island]]:
    """The same town with a second gateway, which reaches PostgreSQL by a cable."""
    async with AsyncExitStack() as stack:
        island = await stack.enter_async_context(made(os.getpid() % 10_000))
        port, far = free_port(), free_port()
        here = ("127.0.0.1", town.cluster.port)
        await stack.enter_async_context(
            relay(_server(island.shore, far), lambda: _connection(here))
        )
        await stack.enter_async_context(
            relay(_server("127.0.0.1", port), lambda: island.connect(port))
        )
        config = read_json(town.home / "gateway.json")
        for name in ("dsn", "auth_dsn"):
            before = f"127.0.0.1:{town.cluster.port}/"
            config[name] = config[name].replace(before, f"{island.shore}:{far}/")
        url = f"http://127.0.0.1:{port}"
        path = town.home / "island.json"
        write_private_json(path, config | {"url": url})
        gateway = start(town.home, "local.gateway", str(path), before=island.command)
        stack.callback(gateway.wait, 10)
        stack.callback(gateway.kill)
        await answering(f"{url}/rest/v1/", lambda: None)
        yield replace(town, gateway_url=url, hands=[]), island


def _server(host: str, port: int) -> socket.socket:
    server = socket.create_server((host, port))
    server.setblocking(False)
    return server


def _connection(address: tuple[str, int]) -> socket.socket:
    connection = socket.create_connection(address, timeout=5)
    connection.setblocking(False)
    return connection


async def _seconds_until(town: Town, *, away: bool) -> float:
    """Until somebody who asks again and again hears that the database is away, or is not."""
    started = time.monotonic()
    headers = {"apikey": town.secret_key, "Authorization": f"Bearer {town.secret_key}"}
    address = f"{town.gateway_url}/rest/v1/rpc/receiver_health"
    async with httpx.AsyncClient(
        trust_env=False, headers=headers, timeout=PATIENCE_SECONDS
    ) as http:
        with suppress(httpx.TimeoutException):
            while (await http.post(address, json={})).is_success is away:
                if time.monotonic() - started > PATIENCE_SECONDS:
                    break
                await asyncio.sleep(0.05)
    return time.monotonic() - started
