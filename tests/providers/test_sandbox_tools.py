"""This file is where the sandbox's own addresses are shown to work, also with bad input."""

import json
from threading import Thread
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.sandbox.serve import Sandbox, call, serve_on_thread, serve_sandbox
from local.sandbox.server import SandboxConfig
from tests.providers.jobs import NOWHERE, PAGE, PERSON, Desk
from tests.running import until


def test_health_answers(sandbox: Sandbox) -> None:
    assert call("GET", f"{sandbox.url}/health").json() == {"status": "ok", "messages": 0}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"not json",
        b"\xff\xfe",
        *(
            json.dumps(body).encode()
            for body in (
                {},
                {"service": "google"},
                {"service": "google", "kind": "no such"},
                {"service": "google", "kind": "token-expired"},
                {"service": "other", "kind": "hang"},
                {"service": ["google"], "kind": "hang"},
                {"service": "google", "kind": {"a": 1}},
                {"service": "google", "kind": "hang", "times": 0},
                {"service": "google", "kind": "hang", "times": "3"},
                {"service": "google", "kind": "hang", "times": True},
                {"service": "google", "kind": "slow", "seconds": -1},
                {"service": "google", "kind": "hang", "call": "send"},
                {"service": "google", "kind": "hang", "recipient": 5},
                {"service": "google", "kind": "hang", "tmies": 3},
            )
        ),
    ],
)
def test_a_bad_fault_request_gets_400_and_every_kind(sandbox: Sandbox, body: bytes) -> None:
    response = call("POST", f"{sandbox.url}/faults", content=body)

    assert response.status_code == 400
    assert response.json()["error"]
    assert "accept-then-error" in response.json()["kinds"]["facebook"]
    assert call("GET", f"{sandbox.url}/faults").json()["waiting"] == []


def test_faults_are_counted_down_and_can_be_taken_back(sandbox: Sandbox) -> None:
    sandbox.fault("google", "internal", times=3)
    sandbox.fault("facebook", "rate-limit")

    assert len(call("GET", f"{sandbox.url}/faults").json()["waiting"]) == 2
    assert call("DELETE", f"{sandbox.url}/faults").json() == {"cleared": 2}
    assert call("GET", f"{sandbox.url}/faults").json()["waiting"] == []


def test_a_fault_for_one_recipient_spares_the_others(desk: Desk) -> None:
    desk.sandbox.fault("facebook", "unavailable", recipient="42")

    first, second = desk.send(desk.job()), desk.send(desk.job(sender_id="42"))

    assert [type(outcome).__name__ for outcome in (first, second)] == ["Advance", "Fail"]


def test_a_fault_for_one_name_spares_the_others(desk: Desk) -> None:
    desk.sandbox.fault("google", "blocked", containing="Poison")

    outcomes = [desk.write(desk.job(contact_name=name)) for name in ("Amina", "Poison")]

    assert [type(outcome).__name__ for outcome in outcomes] == ["Advance", "Fail"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"page_id": "1", "sender_id": "2"}', b'{"page_id": 1}', b"\xff"],
)
def test_a_bad_reply_says_what_is_expected(sandbox: Sandbox, body: bytes) -> None:
    response = call("POST", f"{sandbox.url}/facebook/reply", content=body)

    assert response.status_code == 400
    assert "sender_id" in response.json()["error"]


def test_a_reply_without_a_webhook_is_only_recorded(sandbox: Sandbox) -> None:
    response = reply(sandbox)

    assert response.status_code == 201
    assert response.json()["webhook"] is None
    assert sandbox.messages() == []


def test_a_reply_is_posted_to_the_webhook_with_facebooks_signature() -> None:
    posted: list[tuple[dict[str, Any], str]] = []

    async def receive(request: Request) -> Response:
        posted.append((await request.json(), request.headers["x-hub-signature-256"]))
        return Response("EVENT_RECEIVED")

    receiver = Starlette(routes=[Route("/hook", receive, methods=["POST"])])
    with serve_on_thread(receiver) as hook:
        config = SandboxConfig(webhook_url=f"{hook.url}/hook", app_secret="app secret")
        with serve_sandbox(config) as sandbox:
            assert reply(sandbox).json()["webhook"] == 200

    ((event, signature),) = posted
    message = event["entry"][0]["messaging"][0]
    assert message["sender"]["id"] == PERSON
    assert message["message"]["text"] == "Hello?"
    assert signature.startswith("sha256=")


@pytest.mark.parametrize("refusal", [503, 403])
def test_a_reply_that_the_receiver_refuses_is_posted_again_until_it_is_taken(refusal: int) -> None:
    posted: list[str] = []

    async def receive(request: Request) -> Response:
        event = await request.json()
        posted.append(event["entry"][0]["messaging"][0]["message"]["mid"])
        return Response("", refusal if len(posted) < 3 else 200)

    receiver = Starlette(routes=[Route("/hook", receive, methods=["POST"])])
    with serve_on_thread(receiver) as hook:
        config = SandboxConfig(webhook_url=f"{hook.url}/hook", app_secret="app secret")
        with serve_sandbox(config) as sandbox:
            answer = reply(sandbox).json()
            until(lambda: len(posted) == 3)

    assert answer["webhook"] == refusal
    assert posted == [answer["message_id"]] * 3


def test_a_webhook_that_is_away_loses_nothing() -> None:
    with serve_sandbox(SandboxConfig(webhook_url=NOWHERE)) as sandbox:
        response = reply(sandbox)

    assert response.status_code == 201
    assert response.json()["webhook"].startswith("not delivered")


def test_many_callers_at_once_lose_no_message(desk: Desk) -> None:
    threads = [Thread(target=desk.send, args=(desk.job(sender_id=f"{n}000"),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    received = desk.sandbox.messages()
    assert len({row["message_id"] for row in received}) == 8


def reply(sandbox: Sandbox) -> httpx.Response:
    body = {"page_id": PAGE, "sender_id": PERSON, "text": "Hello?"}
    return call("POST", f"{sandbox.url}/facebook/reply", json=body)
