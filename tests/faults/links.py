"""This file is where the link to PostgreSQL is slow, mute or torn, and where it has no room."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import psycopg

from local.files import read_json, write_private_json
from tests.faults.judge import Verdict
from tests.faults.kills import feed, wait_and_judge
from tests.faults.town import Town, answering, start
from tests.ports import free_port

MUTE_SECONDS = 8.0


class Wire:
    """What lies between the gateway and PostgreSQL, byte for byte."""

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self.delay_seconds = 0.0
        self.breaks_after = 0
        """The connection that carries so many bytes of answers ends there; 0 lets all pass."""
        self.torn = 0
        self._far = port
        self._open = asyncio.Event()
        self._open.set()
        self._links: set[asyncio.Task[None]] = set()

    async def mute(self, seconds: float) -> None:
        """Takes everything and passes nothing on, without closing."""
        self._open.clear()
        await asyncio.sleep(seconds)
        self._open.set()

    def reset(self) -> int:
        """Ends every connection there is; how many."""
        return sum(link.cancel() for link in self._links)

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the gateway."""
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        link.add_done_callback(self._links.discard)
        far = None
        try:
            near, far = await asyncio.open_connection("127.0.0.1", self._far)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, far, is_answer=False))
                both.create_task(self._carry(near, writer, is_answer=True))
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, far):
                if end is not None:
                    end.transport.abort()

    async def _carry(
        self, source: asyncio.StreamReader, to: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        while data := await source.read(65_536):
            await asyncio.sleep(self.delay_seconds)
            await self._open.wait()
            if is_answer and self.breaks_after:
                self.breaks_after -= min(len(data), self.breaks_after)
                if not self.breaks_after:
                    self.torn += 1
                    to.write(data[: len(data) // 2])
                    await to.drain()
                    raise ConnectionResetError
            to.write(data)
            await to.drain()
        raise ConnectionResetError


@asynccontextmanager
async def wired(town: Town) -> AsyncIterator[tuple[Town, Wire]]:
    """The same town with a second gateway, whose way to PostgreSQL is the wire."""
    wire = Wire(town.cluster.port)
    server = await asyncio.start_server(wire.connect, "127.0.0.1", wire.port)
    config = read_json(town.home / "gateway.json")
    url = f"http://127.0.0.1:{free_port()}"
    for name in ("dsn", "auth_dsn"):
        config[name] = config[name].replace(f":{town.cluster.port}/", f":{wire.port}/")
    path = town.home / "wired.json"
    write_private_json(path, config | {"url": url})
    gateway = start(town.home, "local.gateway", str(path))
    try:
        await answering(f"{url}/rest/v1/", lambda: None)
        yield replace(town, gateway_url=url, hands=[]), wire
    finally:
        gateway.kill()
        gateway.wait(timeout=10)
        server.close()
        wire.reset()


async def bad_link(town: Town, times: int) -> tuple[int, Verdict]:
    """300 ms late, silent for 8 s, reset, torn in the middle of an answer: COMMIT's as well."""
    rules = town.rules(10)
    town.queue(rules, 200)
    async with wired(town) as (far_town, wire):
        for _ in range(2):
            await far_town.hand()
        feeding = asyncio.create_task(feed(town, rules, closed=False))
        wire.delay_seconds = 0.3
        await asyncio.sleep(MUTE_SECONDS)
        wire.delay_seconds = 0.0
        for _ in range(times):
            await asyncio.sleep(2)
            await wire.mute(MUTE_SECONDS)
        resets = 0
        for _ in range(5 * times):
            await asyncio.sleep(0.5)
            # The gateway takes its time to connect again.
            async with asyncio.timeout(60):
                while not wire.reset():
                    await asyncio.sleep(0.02)
            resets += 1
        for _ in range(10 * times):
            before = wire.torn
            # Chance decides where, and no secret hangs on it.
            wire.breaks_after = random.randint(1, 20_000)  # noqa: S311
            with suppress(TimeoutError):
                async with asyncio.timeout(10):
                    while wire.torn == before:
                        await asyncio.sleep(0.02)
        wire.breaks_after = 0
        feeding.cancel()
        verdict = await wait_and_judge(town, rules, 90)
        verdict.ends[f"{wire.torn} answers torn"] = 0
        verdict.want(wire.torn, 10 * times, "answers were torn")
        await far_town.dismiss()
    return 1 + times + resets + wire.torn, verdict


async def no_connections(town: Town, times: int) -> tuple[int, Verdict]:
    """PostgreSQL lets nobody in any more for a while, and ends who is."""
    rules = town.rules(10)
    town.queue(rules, 200)
    for _ in range(2):
        await town.hand()
    feeding = asyncio.create_task(feed(town, rules, closed=False))
    ended, log_began = 0, town.log_length()
    with psycopg.connect(town.cluster.superuser_dsn(), autocommit=True) as superuser:
        for _ in range(times):
            await asyncio.sleep(2)
            superuser.execute("alter role authenticator connection limit 0")
            sessions = superuser.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where usename = 'authenticator'"
            )
            ended += len(sessions.fetchall()) > 0
            await asyncio.sleep(5)
            superuser.execute("alter role authenticator connection limit -1")
    feeding.cancel()
    verdict = await wait_and_judge(town, rules, 90)
    verdict.want(ended, times, "times somebody was connected")
    verdict.want(town.troubles(log_began), times, "calls came to nothing")
    return times, verdict
