"""This file is where programs watch an automation by its stream, are cut, and come back."""

import asyncio
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jwt
import pytest

from local.gateway.tokens import Keys
from tests.listener import Listener, timeless
from tests.pages.conftest import session_of
from tests.pages.watching import Automation, Watch, watch
from tests.ports import free_port
from tests.running import PATIENCE, ROOT, Stack, until

__all__ = ["watch"]
PROGRAMS, CUTS, LAST = 100, 10, 10_000


def token_of(stack: Stack) -> str:
    answer = httpx.post(
        f"{stack.url}/auth/v1/token?grant_type=password",
        headers={"apikey": stack.publishable_key},
        json={"email": stack.demo_email, "password": stack.demo_password},
        trust_env=False,
    )
    return str(answer.json()["access_token"])


@pytest.fixture(scope="module")
def bearer(stack: Stack) -> dict[str, str]:
    return {"authorization": f"Bearer {token_of(stack)}"}


@pytest.fixture
def http(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.dashboard_url, trust_env=False) as client:
        yield client


def address(here: Automation) -> str:
    return f"/api/ai-automations/{here.rule['id']}/monitor"


def hear(stack_url: str, work: Callable[[httpx.AsyncClient], Any]) -> Any:
    """Runs `work` with a client that opens as many streams as it wants."""

    async def run() -> Any:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=stack_url, trust_env=False, limits=limits, timeout=PATIENCE
        ) as http:
            return await work(http)

    return asyncio.run(run())


def has_the_last(listener: Listener) -> bool:
    rows = listener.state["contacts"] if listener.state else []
    return any(row["attempt"] == LAST for row in rows)


def test_cut_and_resumed_again_and_again_nobody_loses_or_doubles_an_event(
    stack: Stack, watch: Watch, bearer: dict[str, str], http: httpx.Client
) -> None:
    here = watch()
    states = [here.waiting(f"Person {number}") for number in range(12)]
    chance = random.Random(7)  # noqa: S311
    listeners = [Listener(address(here), bearer) for _ in range(PROGRAMS)]

    def change(attempt: int) -> None:
        for state in chance.sample(states, 3):
            here.change(state, "attempt = %s", attempt)

    async def everybody(client: httpx.AsyncClient) -> None:
        async def one(listener: Listener) -> None:
            for _ in range(CUTS):
                await listener.listen_and_be_cut(client, chance)

        listening = asyncio.gather(*(one(listener) for listener in listeners))
        attempt = 0
        while not listening.done():
            attempt += 1
            await asyncio.to_thread(change, attempt)
            await asyncio.wait([listening], timeout=0.1)
        await listening
        await asyncio.to_thread(change, LAST)
        await asyncio.gather(*(it.listen(client, has_the_last) for it in listeners))

    hear(stack.dashboard_url, everybody)

    snapshot = http.post(address(here), headers=bearer).json()
    assert sum(kind == "update" for it in listeners for kind, _ in it.events) >= PROGRAMS
    for listener in listeners:
        listener.check_numbers()
        assert timeless(listener.state) == timeless(snapshot)


def test_only_who_may_see_an_automation_hears_of_it(
    stack: Stack, watch: Watch, bearer: dict[str, str], http: httpx.Client, people: Any
) -> None:
    mine = address(watch())
    hot = http.post(mine, headers=bearer)
    forged = jwt.encode(
        jwt.decode(bearer["authorization"][7:], options={"verify_signature": False}),
        "guessed" * 8,
        "HS256",
    )
    theirs = people.rule(people.page(people.user(f"{secrets.token_hex(6)}@example.com")))

    assert (hot.status_code, hot.json()["contacts"]) == (200, [])
    cookie = session_of(stack, stack.demo_email, stack.demo_password)["cookies"][0]
    session = {"cookie": f"{cookie['name']}={cookie['value']}"}
    for key in ("x", forged, stack.publishable_key, stack.secret_key, f"{forged}.x"):
        for method in ("GET", "POST"):
            # A bad token is not made good by a cookie.
            refused = http.request(
                method, mine, headers={**session, "authorization": f"Bearer {key}"}
            )
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert http.post(mine).status_code == http.get(mine).status_code == 401
    assert http.post(mine, headers=session).status_code == 200
    foreign = {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}
    assert http.post(mine, headers={**session, **foreign}).status_code == 403
    assert http.post(mine, headers={**bearer, **foreign}).status_code == 200
    answers = [
        http.request(method, f"/api/ai-automations/{name}/monitor", headers=bearer)
        for name in (theirs["id"], secrets.token_hex(16), "x", "%00", f"{{{theirs['id']}}}")
        for method in ("GET", "POST")
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}
    named = [
        row["name"] for row in http.get("/api/ai-automations", headers=bearer).json()["automations"]
    ]
    assert "Winback after an hour" in named
    assert theirs["name"] not in named


def test_a_stream_ends_when_its_automation_or_its_token_does_and_says_why(
    stack: Stack, watch: Watch, bearer: dict[str, str], http: httpx.Client
) -> None:
    here = watch()
    said: list[Any] = []

    def delete(kind: str, data: Any) -> None:
        said.append((kind, data))
        if kind == "init":
            here.people.rows(
                "update public.ai_automation_rules set deleted_at = now(), enabled = false"
                " where id = %s returning id",
                here.rule["id"],
            )

    listener = Listener(address(here), bearer, heard=delete)
    hear(stack.dashboard_url, lambda client: listener.listen(client, lambda _: False))

    assert said[-1][0] == "complete"
    assert said[-1][1]["reason"] == "gone"
    assert http.get(address(here), headers=bearer).status_code == 404
    claims = jwt.decode(bearer["authorization"][7:], options={"verify_signature": False})
    token = Keys(stack.home / "jwt.json").sign({**claims, "exp": int(time.time()) + 8})
    short = Listener(address(watch()), {"authorization": f"Bearer {token}"})
    short.heard = lambda kind, data: said.append((kind, data))
    hear(stack.dashboard_url, lambda client: short.listen(client, lambda _: False))
    assert said[-1][1]["reason"] == "token_expired"
    assert http.get(short.url, headers=short.headers).status_code == 401


def test_another_process_and_a_restart_begin_with_the_whole(
    stack: Stack, watch: Watch, bearer: dict[str, str]
) -> None:
    here = watch()
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "app.py", "--only-dashboard"],
        cwd=ROOT,
        env={
            **os.environ,
            "SUPABASE_URL": stack.url,
            "SUPABASE_PUBLISHABLE_KEY": stack.publishable_key,
            "SESSION_SECRET": secrets.token_hex(32),
            "STAGELIGHT_HOME": str(stack.home.with_name("second")),
            "DASHBOARD_PORT": str(port),
        },
        stderr=subprocess.DEVNULL,
    )
    try:
        other = f"http://127.0.0.1:{port}"
        until(lambda: is_up(other))
        listener = Listener(address(here), bearer)
        hear(stack.dashboard_url, lambda http: listener.listen(http, lambda it: bool(it.events)))

        def stop(kind: str, data: Any) -> None:
            if kind == "init":
                process.send_signal(signal.SIGTERM)
            said.append((kind, data.get("reason")))

        said: list[Any] = []
        listener.heard = stop
        hear(other, lambda http: listener.listen(http, lambda _: False))
        assert said == [("init", None), ("complete", "restart")]
        assert process.wait(timeout=PATIENCE) in (0, -signal.SIGTERM)
        hear(stack.dashboard_url, lambda http: listener.listen(http, lambda _: len(said) > 2))
        assert said[2:] == [("init", None)]
    finally:
        process.kill()
        process.wait()


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
