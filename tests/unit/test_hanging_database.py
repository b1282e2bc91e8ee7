"""This file is where a gateway hangs, and whoever watches the dashboard is told so all the same."""

import asyncio
from types import SimpleNamespace

import httpx
from starlette.applications import Starlette

from api import health, metrics
from api.channel import Channels
from api.health import Health
from api.metrics import Metrics, Requests


async def ask_while_it_hangs(path):
    """What the dashboard answers, and how often it had asked."""
    asked, gone = [], asyncio.Event()

    async def hang(reader, writer):
        asked.append(await reader.readline())
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    gateway = await asyncio.start_server(hang, "127.0.0.1", 0)
    settings = SimpleNamespace(
        supabase_url=f"http://127.0.0.1:{gateway.sockets[0].getsockname()[1]}",
        supabase_publishable_key="sb_publishable_x",
        metrics_token="secret",
    )
    async with httpx.AsyncClient(timeout=600, trust_env=False) as http:
        told = Metrics(settings, http, Channels(bool), Requests())
        door = httpx.ASGITransport(Starlette(routes=[*Health(settings, http).routes, *told.routes]))
        async with httpx.AsyncClient(transport=door, base_url="http://here") as reader:
            answer = await reader.get(path, headers={"authorization": "Bearer secret"})
    async with asyncio.timeout(60):
        await gone.wait()
    gateway.close()
    await gateway.wait_closed()
    return answer, len(asked)


def test_a_gateway_that_never_answers_is_told_of_without_waiting_for_it(monkeypatch):
    monkeypatch.setattr(health, "ASK_SECONDS", 1)
    monkeypatch.setattr(metrics, "ASK_SECONDS", 1)

    async def ask_both():
        return await asyncio.gather(ask_while_it_hangs("/readyz"), ask_while_it_hangs("/metrics"))

    (ready, asked), (numbers, asked_too) = asyncio.run(ask_both())

    assert (asked, asked_too) == (1, 1)
    assert (ready.status_code, numbers.status_code) == (503, 200)
    assert "does not answer in time" in ready.text
    assert "stagelight_database_up 0" in numbers.text
    assert "stagelight_snapshot_age_seconds 0.000" in numbers.text
